//! A ledger to tell of, and a mail server to tell.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use connectors::mail::{Customs, MailSink, Mailbox, Server, ServerSettings, Settings, Tls, pauses};
use domain::id::{BatchId, MerchantId};
use domain::notice::Notice;
use domain::order::{BatchItem, Channel as Way};
use domain::time::Timestamp;
use jiff::tz::TimeZone;
use messages::Lang;
use serde_json::Value;
use service::batch::{BatchState, BatchStatus, Counts};
use service::change::{Audit, Fault, Origin, Seq};
use service::follow::{Delivery, Outcome, Sink, Terms};
use service::ledger::{Answer, Changes, Ledger, Receive, Request};
use service::memory::{MemoryLedger, MemoryLog};
use service::notify::{Channel, Rule};
use service::serial;
use service::wire::document::{self, Command as Asked};

/// Longest a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A ledger, and how far it was told of.
pub(crate) struct World {
    ledger: Arc<MemoryLedger>,
    told: Mutex<Option<Seq>>,
    runtime: tokio::runtime::Runtime,
}

impl World {
    pub(crate) fn new() -> Self {
        let now = AtomicI64::new(1_795_340_700_000_000);
        let clock = Arc::new(move || Timestamp(now.fetch_add(1_000, Ordering::Relaxed)));
        let settings = serial::Settings { exponent: 2, ..serial::Settings::default() };
        let ledger = MemoryLedger::open(MemoryLog::default(), settings, clock).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { ledger: Arc::new(ledger), told: Mutex::default(), runtime }
    }

    fn ask(&self, request: Request) -> Answer {
        self.runtime.block_on(self.ledger.execute(vec![request])).unwrap().remove(0)
    }

    pub(crate) fn place(&self, document: &str) {
        let read = document::read(document.as_bytes(), &documents()).unwrap();
        let Asked::Create(order) = read.command else { panic!("{document}") };
        let document = Bytes::copy_from_slice(document.as_bytes());
        let receive = Receive { order, document, warnings: Vec::new(), batch: None, rules: None };
        let answer = self.ask(Request::Receive(Box::new(receive)));
        assert!(matches!(answer, Answer::Accepted(_)), "{answer:?}");
    }

    pub(crate) fn audit(&self) {
        self.ask(audit(None));
    }

    /// A batch of two items, both of them no orders.
    pub(crate) fn batch(&self, id: &str) {
        let batch = BatchState {
            id: BatchId::parse(id).unwrap(),
            status: BatchStatus::Succeeded,
            reason: None,
            started_at: Timestamp(1_795_340_700_000_000),
            updated_at: Timestamp(1_795_340_700_000_000),
            counts: Counts::default(),
            total: Some(2),
            offset: 0,
            hash: [0; 32],
            tolerance: service::batch::Tolerance::default(),
            rules: None,
            max_concurrency: None,
            metadata: "".into(),
            spool: None,
            previous: None,
            from: Seq(0),
        };
        let item = |index| Some(BatchItem { batch: batch.id.clone(), index, at: None });
        let items = [audit(item(0)), audit(item(1)), Request::Checkpoint(Box::new(batch.clone()))];
        self.runtime.block_on(self.ledger.execute(items.into())).unwrap();
    }

    pub(crate) fn sink(&self, post: PostSettings, channels: &[Channel]) -> MailSink {
        let PostSettings { port, tls, authorities, login, from } = post;
        let server = Server::new(ServerSettings {
            host: "localhost".to_owned(),
            port,
            tls,
            authorities,
            login,
            timeout: Duration::from_secs(1),
        });
        let address = from.parse().unwrap();
        let settings = Settings {
            from: Mailbox::new(Some("Loja São João".to_owned()), address),
            reply_to: Some(Mailbox::from_str("ajuda@loja.example").unwrap()),
            language: Lang::PtBr,
            customs: Customs {
                currency: "BRL".into(),
                exponent: 2,
                time_zone: TimeZone::get("America/Sao_Paulo").unwrap(),
            },
            documents: documents(),
            terms: Terms { pauses: pauses(), ..Terms::default() },
        };
        let on = [Notice::OrderCompleted, Notice::OrderInvalid, Notice::BatchFinished];
        let rule = Rule {
            on: on.into_iter().collect(),
            merchants: [].into(),
            channels: channels.to_vec(),
            language: None,
            every_minutes: 5,
        };
        MailSink::new(self.ledger.clone(), Arc::new(server.unwrap()), settings, &[rule])
    }

    /// What of everything that was not told yet is to be delivered.
    pub(crate) fn select(&self, sink: &MailSink) -> Vec<Delivery> {
        let changes = self.ledger.read(*self.told.lock().unwrap(), 10_000).unwrap();
        changes.iter().flat_map(|(seq, change)| sink.select(*seq, change).unwrap()).collect()
    }

    pub(crate) fn deliver(&self, sink: &MailSink, delivery: &Delivery) -> Outcome {
        self.runtime.block_on(sink.deliver(delivery, 1))
    }

    /// Tells everything that was not told yet, one attempt each.
    pub(crate) fn tell(&self, sink: &MailSink) -> Vec<Outcome> {
        let deliveries = self.select(sink);
        let last = self.ledger.read(None, 10_000).unwrap().last().map(|(seq, _)| *seq);
        *self.told.lock().unwrap() = last;
        deliveries.iter().map(|delivery| self.deliver(sink, delivery)).collect()
    }
}

fn audit(batch: Option<BatchItem>) -> Request {
    Request::Audit(Box::new(Audit {
        order: None,
        merchant: None,
        channel: Way::Api,
        batch,
        faults: vec![Fault { pointer: "/items".into(), code: "required".into() }],
        origin: Origin::of(None, b"{}"),
        document: Bytes::from_static(b"{}"),
    }))
}

fn documents() -> document::Settings {
    document::Settings::new(MerchantId::parse("loja").unwrap())
}

/// An order of coffee for R$ 1.234,50.
pub(crate) fn order(id: &str, name: &str, email: &str, lang: &str) -> String {
    format!(
        r#"{{"id": "{id}", "notes": "", "customer": {{"name": "{name}", "email": "{email}",
            "cpf": "52998224725", "language": "{lang}"}},
            "items": [{{"sku": "CAF-1", "description": "Café em grãos", "quantity": 3,
            "price": "411.50"}}]}}"#
    )
}

/// An authority of certificates that nobody knows.
pub(crate) struct Authority {
    folder: tempfile::TempDir,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(folder.path().join("cert.pem"), signed.cert.pem()).unwrap();
        let key = signed.signing_key.serialize_pem();
        std::fs::write(folder.path().join("key.pem"), key).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// How a mail server is reached.
#[derive(Clone)]
pub(crate) struct PostSettings {
    pub(crate) port: u16,
    pub(crate) tls: Tls,
    pub(crate) authorities: Option<PathBuf>,
    pub(crate) login: Option<(String, String)>,
    pub(crate) from: &'static str,
}

/// A mail server of others.
pub(crate) struct Post {
    server: Child,
    settings: PostSettings,
    received: Receiver<String>,
}

impl Post {
    pub(crate) fn plain() -> Self {
        Self::start(Tls::Plain, None)
    }

    pub(crate) fn start(tls: Tls, authority: Option<&Authority>) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../comanda/tests/peers/smtp.py");
        let mut command = Command::new(crate::peers::python());
        command.arg(script).stdout(Stdio::piped());
        if let Some(authority) = authority {
            let name = if tls == Tls::Implicit { "implicit" } else { "starttls" };
            command.args(["--tls", name, "--login", "loja:s3cret"]);
            command.arg("--certificate").arg(authority.path("cert.pem"));
            command.arg("--key").arg(authority.path("key.pem"));
        }
        let mut server = command.spawn().unwrap();
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let port = lines.next().unwrap().unwrap().parse().unwrap();
        let (sender, received) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                _ = sender.send(line);
            }
        });
        let authorities = authority.map(|authority| authority.path("cert.pem"));
        let from = "pedidos@loja.example";
        let settings = PostSettings { port, tls, authorities, login: None, from };
        Self { server, settings, received }
    }

    pub(crate) fn settings(&self) -> PostSettings {
        self.settings.clone()
    }

    /// The next message.
    pub(crate) fn next(&self) -> Value {
        let line = self.received.recv_timeout(PATIENCE).expect("a message");
        serde_json::from_str(&line).unwrap()
    }

    pub(crate) fn kill(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        _ = self.server.kill();
        _ = self.server.wait();
    }
}
