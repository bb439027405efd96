//! What was handed on is done, once, and in the order of its group.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws::functions::work::{Chores, NoChores, RECEIVES_MAX, Work};
use domain::id::StockKey;
use parking_lot::Mutex;
use serde_json::json;
use service::change::What;
use service::ledger::{Ledger, Request, Task, Unavailable};
use service::memory::MemoryLedger;
use service::wire::document;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{
    clock, event, failed, found, grouped, installation, ledger_of, log, order, status,
};

/// An external step that gives these answers, one a call, the last for ever; and how often it was
/// called.
async fn step(answers: Vec<(u16, &'static str)>) -> (String, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/check", listener.local_addr().unwrap());
    let calls = Arc::new(AtomicU32::new(0));
    let counted = calls.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let at = counted.fetch_add(1, Ordering::SeqCst) as usize;
            let (status, body) = answers[at.min(answers.len() - 1)];
            let mut request = vec![0; 64 << 10];
            let _ = stream.read(&mut request).await;
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (address, calls)
}

fn steps(rows: &[(&str, &str)]) -> String {
    let row = |(name, url): &(&str, &str)| {
        format!("[[steps]]\nname = \"{name}\"\nurl = \"{url}\"\nmax_attempts = 8\n")
    };
    rows.iter().map(row).collect()
}

/// A ledger with one order that awaits the steps of `file`.
async fn waiting(file: &str) -> (Arc<MemoryLedger>, Work) {
    let installation = installation(file);
    let ledger = ledger_of(&installation);
    receive(&*ledger, "a").await;
    let work = Work::new(ledger.clone(), Arc::new(NoChores), &installation, clock());
    (ledger, work.unwrap())
}

async fn receive(ledger: &dyn Ledger, id: &str) {
    let text = order(id);
    let read = document::read(text.as_bytes(), &installation("").documents).unwrap();
    let document::Command::Create(order) = read.command else { panic!("an order") };
    let receive = service::ledger::Receive {
        order,
        document: text.into(),
        warnings: Vec::new(),
        batch: None,
        rules: None,
    };
    ledger.execute(vec![Request::Receive(Box::new(receive))]).await.unwrap();
}

fn job(id: &str) -> String {
    json!({"do": "step", "merchant": "loja", "order": id}).to_string()
}

async fn work(work: &Work, receives: u32) -> Vec<String> {
    let event = event(&[grouped("m", "g", &job("a"), receives)]);
    let failures = work.handle(event).await.unwrap();
    failed(&failures).into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn the_built_in_step_allocates_and_a_second_message_finds_nothing_to_do() {
    // The settings of whoever took the order in named the step; here it is the built-in one.
    let taken_in = installation(&steps(&[("allocation", "http://127.0.0.1:9/")]));
    let ledger = ledger_of(&taken_in);
    receive(&*ledger, "a").await;
    assert_eq!(status(&*ledger, "a"), "RECEIVED");
    let doing = Work::new(ledger.clone(), Arc::new(NoChores), &installation(""), clock()).unwrap();
    assert!(work(&doing, 1).await.is_empty());
    assert_eq!(status(&*ledger, "a"), "COMPLETED");
    let before = log(&*ledger).len();
    assert!(work(&doing, 1).await.is_empty());
    assert_eq!(log(&*ledger).len(), before);
}

#[tokio::test]
async fn a_step_approves_or_turns_down() {
    for (answer, status_after) in
        [((200, ""), "COMPLETED"), ((200, r#"{"approved":false,"reason":"no"}"#), "REJECTED")]
    {
        let (url, calls) = step(vec![answer]).await;
        let (ledger, doing) = waiting(&steps(&[("fraud", &url)])).await;
        assert!(work(&doing, 1).await.is_empty());
        assert_eq!(status(&*ledger, "a"), status_after);
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn a_step_that_does_not_answer_is_asked_again_and_given_up_with_the_last_receive() {
    let (url, calls) = step(vec![(503, "")]).await;
    let (ledger, doing) = waiting(&steps(&[("fraud", &url)])).await;
    for receives in 1..RECEIVES_MAX {
        assert_eq!(work(&doing, receives).await, ["m"], "receive {receives}");
    }
    assert_eq!(status(&*ledger, "a"), "PROCESSING");
    assert!(work(&doing, RECEIVES_MAX).await.is_empty());
    assert_eq!(status(&*ledger, "a"), "FAILED");
    assert_eq!(calls.load(Ordering::SeqCst), RECEIVES_MAX);
    let letters = log(&*ledger);
    assert_eq!(letters.iter().filter(|(_, c)| matches!(c.what, What::Letter(_))).count(), 1);
}

#[tokio::test]
async fn an_order_goes_through_its_steps_one_after_another() {
    let (first, _) = step(vec![(200, "")]).await;
    let (second, _) = step(vec![(500, ""), (200, "")]).await;
    let (ledger, doing) = waiting(&steps(&[("fraud", &first), ("credit", &second)])).await;
    assert!(work(&doing, 1).await.is_empty());
    let awaits = |ledger: &MemoryLedger| {
        found(ledger, "a").unwrap().state.awaits().map(|step| step.as_str().to_owned())
    };
    assert_eq!(awaits(&ledger).as_deref(), Some("credit"));
    assert_eq!(work(&doing, 1).await, ["m"]);
    assert!(work(&doing, 2).await.is_empty());
    assert_eq!(status(&*ledger, "a"), "COMPLETED");
}

#[tokio::test]
async fn nobody_waits_for_a_step_that_the_settings_have_no_more() {
    let (ledger, _) = waiting(&steps(&[("gone", "http://127.0.0.1:9/")])).await;
    let doing = Work::new(ledger.clone(), Arc::new(NoChores), &installation(""), clock()).unwrap();
    assert!(work(&doing, 1).await.is_empty());
    assert_eq!(status(&*ledger, "a"), "COMPLETED");
}

/// Chores that fail, or panic, for some.
#[derive(Default)]
struct Fickle {
    done: Mutex<Vec<String>>,
}

impl Chores for Fickle {
    fn release<'a>(&'a self, stock: &'a StockKey) -> Task<'a, Result<(), Unavailable>> {
        Box::pin(async move {
            match stock.sku.as_str() {
                "full" => return Err(Unavailable::Full),
                "broken" => panic!("a bug"),
                sku => self.done.lock().push(sku.to_owned()),
            }
            Ok(())
        })
    }
    fn finish<'a>(&'a self, commit: &'a str) -> Task<'a, Result<(), Unavailable>> {
        self.done.lock().push(commit.to_owned());
        Box::pin(std::future::ready(Ok(())))
    }
}

#[tokio::test]
async fn after_a_failure_its_group_waits_and_other_groups_go_on() {
    let installation = installation("");
    let ledger = ledger_of(&installation);
    let chores = Arc::new(Fickle::default());
    let doing = Work::new(ledger, chores.clone(), &installation, clock()).unwrap();
    let release = |sku: &str| json!({"do": "release", "merchant": "loja", "sku": sku}).to_string();
    let records = [
        grouped("1", "g", &release("one"), 1),
        grouped("2", "g", &release("full"), 1),
        grouped("3", "g", &release("two"), 1),
        grouped("4", "h", &release("three"), 1),
        grouped("5", "i", &release("broken"), 1),
        grouped("6", "i", &release("four"), 1),
        grouped("7", "j", "nonsense", 1),
        grouped("8", "k", r#"{"do":"finish","commit":"7f"}"#, 1),
    ];
    let failures = doing.handle(event(&records)).await.unwrap();
    let mut missed = failed(&failures);
    missed.sort_unstable();
    assert_eq!(missed, ["2", "3", "5", "6", "7"]);
    let mut done = chores.done.lock().clone();
    done.sort_unstable();
    assert_eq!(done, ["7f", "one", "three"]);
}
