//! Bad inputs over every way in, and what each is told: `bad_inputs.toml` says both.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{Answer, Home, Http, run_with_input, until};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    http: Vec<Asked>,
    batch: Vec<Taken>,
    raw: Vec<Raw>,
    run: Vec<Run>,
}

/// What is sent: a text, or bytes in hex; `repeat` stands where `@@` is.
#[derive(Default, Deserialize)]
struct Sent {
    #[serde(default)]
    body: String,
    hex: Option<String>,
    repeat: Option<(String, usize)>,
}

#[derive(Deserialize)]
struct Asked {
    name: String,
    ask: String,
    r#type: Option<String>,
    #[serde(default)]
    headers: Vec<String>,
    #[serde(flatten)]
    sent: Sent,
    status: u16,
    code: Option<String>,
    wrong: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Taken {
    name: String,
    ask: String,
    r#type: Option<String>,
    #[serde(flatten)]
    sent: Sent,
    items: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    name: String,
    send: String,
    repeat: Option<(String, usize)>,
    status: u16,
}

#[derive(Deserialize)]
struct Run {
    name: String,
    args: Vec<String>,
    #[serde(default)]
    input: String,
    config: Option<String>,
    config_hex: Option<String>,
    #[serde(flatten)]
    sent: Sent,
    exit: i32,
    says: Vec<String>,
}

impl Sent {
    fn filled(&self, text: &str) -> String {
        match &self.repeat {
            Some((part, times)) => text.replace("@@", &part.repeat(*times)),
            None => text.to_owned(),
        }
    }

    fn bytes(&self, text: &str) -> Vec<u8> {
        self.hex.as_deref().map_or_else(|| self.filled(text).into_bytes(), bytes)
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    hex.split_whitespace().map(|b| u8::from_str_radix(b, 16).expect("a byte in hex")).collect()
}

fn table() -> Table {
    toml::from_str(include_str!("bad_inputs.toml")).expect("the table is TOML")
}

/// A store with something to lose.
fn furnish(http: &mut Http) {
    let first = r#"{"id": "first", "customerId": "c", "items": [{"sku": "P", "quantity": 2}]}"#;
    for (method, path, body, status) in [
        ("PUT", "/v1/products", r#"{"sku": "P", "price": "1.50"}"#, 200),
        ("POST", "/v1/stock", r#"{"sku": "P", "on_hand": 100}"#, 200),
        ("PUT", "/v1/customers/c", r#"{"tags": ["gold"]}"#, 200),
        (
            "PUT",
            "/v1/pricing-rules",
            r#"[{"id": "t", "effect": {"type": "tax", "percent": 1}}]"#,
            200,
        ),
        ("POST", "/v1/orders", first, 202),
    ] {
        let answer = http.call(method, path, "application/json", body.as_bytes());
        let answer = answer.expect("the server answers");
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
    }
}

/// What must be the same afterwards.
fn possessions(http: &mut Http) -> Value {
    let mut kept = json!({});
    for path in [
        "/v1/products",
        "/v1/customers",
        "/v1/pricing-rules",
        "/v1/orders/first?merchant_id=default",
    ] {
        kept[path] = http.get(path).json();
    }
    // How often it was sent again is what did change, and a link is fresh each time.
    let order = &mut kept["/v1/orders/first?merchant_id=default"];
    for changing in ["history", "repeats", "updated_at", "document_url", "document_url_expires_at"]
    {
        order.as_object_mut().expect("an order").remove(changing);
    }
    kept
}

#[test]
fn every_bad_input_over_http_is_told_what_is_wrong_and_nothing_is_lost() {
    let (home, table) = (Home::new(), table());
    let server = home.serve();
    let mut http = server.connect();
    furnish(&mut http);
    let before = possessions(&mut http);
    let mut wrong = Vec::new();
    // Batches first: what is asked about them follows what they came to.
    for taken in &table.batch {
        wrong.extend(batch(&mut http, taken).err().map(|why| format!("{}: {why}", taken.name)));
    }
    for asked in &table.http {
        // A connection each: an answer before the body is read ends one.
        let mut http = server.connect();
        let why = ask(&mut http, asked).err();
        wrong.extend(why.map(|why| format!("{}: {why}", asked.name)));
    }
    for raw in &table.raw {
        let status = send(server.address(), raw);
        if status != raw.status {
            wrong.push(format!("{}: {status}, not {}", raw.name, raw.status));
        }
    }
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(possessions(&mut http), before);
    let good = r#"{"id": "last", "customerId": "c", "items": [{"sku": "P", "quantity": 1}]}"#;
    assert_eq!(http.post("/v1/orders", good).status, 202);
    let accepted = table.batch.iter().flat_map(|taken| &taken.items);
    let accepted = accepted.filter(|item| *item == "succeeded").count() + 2;
    assert_eq!(http.list("/v1/orders", "orders").len(), accepted, "what was accepted is there");
    assert_eq!(server.stop(), Some(0));
    home.examine();
}

fn ask(http: &mut Http, asked: &Asked) -> Result<(), String> {
    http.headers = asked.headers.iter().map(|header| format!("{header}\r\n")).collect();
    let ask = asked.sent.filled(&asked.ask);
    let (method, path) = ask.split_once(' ').expect("a method and a path");
    let body = asked.sent.bytes(&asked.sent.body);
    let kind = asked.r#type.as_deref().unwrap_or("application/json");
    let answer = http.call(method, path, kind, &body).map_err(|error| error.to_string())?;
    if answer.status != asked.status {
        return Err(format!("{}, not {}: {}", answer.status, asked.status, answer.text()));
    }
    let Some(code) = &asked.code else { return Ok(()) };
    let problem = answer.json();
    if problem["code"] != code.as_str() || problem["status"] != asked.status {
        return Err(problem.to_string());
    }
    let Some(expected) = &asked.wrong else { return Ok(()) };
    let found = violations(&answer);
    if found == *expected { Ok(()) } else { Err(format!("{found:?}")) }
}

fn violations(answer: &Answer) -> Vec<String> {
    let problem = answer.json();
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let violations = problem["violations"].as_array().cloned().unwrap_or_default();
    let each = violations.iter().map(|v| format!("{} {}", text(&v["pointer"]), text(&v["code"])));
    each.collect()
}

fn batch(http: &mut Http, taken: &Taken) -> Result<(), String> {
    let body = taken.sent.bytes(&taken.sent.body);
    let kind = taken.r#type.as_deref().unwrap_or("application/json");
    let path = taken.ask.strip_prefix("POST ").expect("a batch is posted");
    let answer = http.call("POST", path, kind, &body).map_err(|error| error.to_string())?;
    if answer.status != 202 {
        return Err(answer.text());
    }
    let links = answer.json()["links"].clone();
    let link = |name: &str| links[name].as_str().expect("a link").to_owned();
    let this = link("self");
    if !until(20, || http.get(&this).json()["status"] != "RUNNING") {
        return Err("it did not end".to_owned());
    }
    let results = http.get(&link("results")).text();
    let item = |line: &str| {
        let line: Value = serde_json::from_str(line).expect("a line of JSON");
        let outcome = line["outcome"].as_str().unwrap_or("?").to_owned();
        match line["reasons"][0]["code"].as_str() {
            Some(code) => format!("{outcome} {code}"),
            None => outcome,
        }
    };
    let items: Vec<String> = results.lines().map(item).collect();
    if items == taken.items { Ok(()) } else { Err(format!("{items:?}")) }
}

/// Sends bytes as they are; the status of what comes back, 0 when nothing does.
fn send(address: &str, raw: &Raw) -> u16 {
    let filled = Sent { repeat: raw.repeat.clone(), ..Sent::default() }.filled(&raw.send);
    let mut stream = TcpStream::connect(address).expect("the server accepts");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time limit is set");
    // The server may have heard enough before all is sent.
    drop(stream.write_all(filled.as_bytes()));
    drop(stream.shutdown(Shutdown::Write));
    let mut answer = [0; 12];
    match stream.read_exact(&mut answer) {
        Ok(()) => std::str::from_utf8(&answer[9..]).ok().and_then(|s| s.parse().ok()).unwrap_or(0),
        Err(_) => 0,
    }
}

#[test]
fn every_bad_argument_file_and_setting_is_told_what_is_wrong_and_nothing_is_lost() {
    let home = Home::new();
    let product = home.file("p.json", r#"{"sku": "P", "price": "1.50"}"#);
    assert_eq!(home.run(&["products", "import", &product.to_string_lossy()]).code, 0);
    let before = home.run(&["products", "list", "--json"]).json();
    let mut wrong = Vec::new();
    for run in table().run {
        wrong.extend(tried(&home, &run).err().map(|why| format!("{}: {why}", run.name)));
    }
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(home.run(&["products", "list", "--json"]).json(), before);
    assert_eq!(home.run(&["orders", "list", "--json"]).json()["orders"], json!([]));
    home.examine();
}

fn tried(home: &Home, run: &Run) -> Result<(), String> {
    let mut command = home.comanda();
    if run.config.is_some() || run.config_hex.is_some() {
        let text = run.config.clone().unwrap_or_default().into_bytes();
        let path = home.file("c.toml", run.config_hex.as_deref().map_or(text, bytes));
        command.arg("--config").arg(path);
    }
    command.args(run.args.iter().map(|argument| run.sent.filled(argument)));
    let ran = run_with_input(&mut command, &run.sent.bytes(&run.input));
    let said = format!("{}{}", ran.out, ran.err);
    if ran.code != run.exit {
        return Err(format!("exit {}, not {}: {said}", ran.code, run.exit));
    }
    let unsaid: Vec<_> = run.says.iter().filter(|words| !said.contains(words.as_str())).collect();
    if unsaid.is_empty() { Ok(()) } else { Err(format!("{unsaid:?} are not in: {said}")) }
}

#[test]
fn the_table_has_at_least_a_hundred_inputs_with_names_of_their_own() {
    let table = table();
    let names = table.http.iter().map(|row| &row.name);
    let names = names.chain(table.batch.iter().map(|row| &row.name));
    let names = names.chain(table.raw.iter().map(|row| &row.name));
    let mut names: Vec<_> = names.chain(table.run.iter().map(|row| &row.name)).collect();
    let all = names.len();
    names.sort();
    names.dedup();
    assert!(all >= 100, "{all}");
    assert_eq!(names.len(), all, "a name stands twice");
}
