//! A server that speaks S3 and SQS as AWS does, and checks signatures.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use super::peers::python;

/// The server; killed when dropped.
pub(crate) struct Aws {
    child: Child,
    asked: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// `http://…`
    pub(crate) url: String,
    /// The access key that it knows.
    pub(crate) key: String,
    /// The key's secret.
    pub(crate) secret: String,
}

impl Aws {
    pub(crate) fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/aws.py");
        let mut command = Command::new(python());
        command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the peer starts");
        let asked = child.stdin.take().expect("standard input is piped");
        let answers = BufReader::new(child.stdout.take().expect("standard output is piped"));
        let [url, key, secret] = std::array::from_fn(|_| String::new());
        let mut aws = Self { child, asked, answers, url, key, secret };
        let told = aws.answer();
        let text = |name: &str| told[name].as_str().expect("a text").to_owned();
        aws.url = format!("http://127.0.0.1:{}", told["port"]);
        (aws.key, aws.secret) = (text("key"), text("secret"));
        aws
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the peer answers");
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line:?}"))
    }

    fn ask(&mut self, ask: &Value) -> Value {
        writeln!(self.asked, "{ask}").expect("the peer listens");
        self.answer()
    }

    /// Makes a call of an operator's, who is known by the right key.
    pub(crate) fn call(&mut self, service: &str, call: &str, args: Value) -> Value {
        let answer = self.ask(&json!({"service": service, "call": call, "args": args}));
        assert!(answer.get("error").is_none(), "{call}: {answer}");
        answer
    }

    /// Takes no connections, until it is up again.
    pub(crate) fn down(&mut self) {
        self.ask(&"down".into());
    }

    /// Takes connections again, where it did before.
    pub(crate) fn up(&mut self) {
        self.ask(&"up".into());
    }

    /// Answers these actions of SQS with 503 from now on; no others.
    pub(crate) fn fail(&mut self, actions: &[&str]) {
        self.ask(&json!({"fail": actions}));
    }

    /// Makes a queue; its address.
    pub(crate) fn queue(&mut self, name: &str) -> String {
        let made = self.call("sqs", "create_queue", json!({"QueueName": name}));
        made["QueueUrl"].as_str().expect("an address").to_owned()
    }

    /// Sends messages, ten at a time.
    pub(crate) fn send(&mut self, queue: &str, bodies: &[String]) {
        for some in bodies.chunks(10) {
            let entry =
                |(at, body): (usize, &String)| json!({"Id": at.to_string(), "MessageBody": body});
            let entries: Vec<Value> = some.iter().enumerate().map(entry).collect();
            let args = json!({"QueueUrl": queue, "Entries": entries});
            let sent = self.call("sqs", "send_message_batch", args);
            assert!(sent["Failed"].as_array().is_none_or(Vec::is_empty), "{sent}");
        }
    }

    /// How many messages of a queue anybody may receive, and how many are hidden.
    pub(crate) fn waiting(&mut self, queue: &str) -> (u64, u64) {
        let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
        let args = json!({"QueueUrl": queue, "AttributeNames": names});
        let told = self.call("sqs", "get_queue_attributes", args);
        let number = |name| told["Attributes"][name].as_str().and_then(|text| text.parse().ok());
        let [visible, hidden] = names.map(number);
        (visible.expect("a number"), hidden.expect("a number"))
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
