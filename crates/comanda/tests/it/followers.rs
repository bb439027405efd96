//! A destination that takes its time, and the server beside it: orders, lists, backups and the end.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Home, Server, simple_order, until};

/// How long a test waits for what is to come.
const PATIENCE_S: u64 = 20;

/// Serves a store whose webhooks may reach this machine.
fn serve(home: &Home) -> Server {
    let mut command = home.comanda();
    command.env("COMANDA_WEBHOOKS_ALLOW_NETWORKS", "127.0.0.0/8");
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    Server::start(command, &home.path("server.log"))
}

/// The only follower there is beside the lake.
fn follower(home: &Home) -> Value {
    let list = home.run(&["followers", "list", "--json"]).json();
    let mut rows = list["followers"].as_array().expect("followers").iter();
    rows.find(|row| row["name"] != "lake").cloned().unwrap_or_default()
}

#[test]
fn a_destination_that_hangs_holds_up_no_order_no_backup_and_no_end() {
    let home = Home::new();
    // It takes connections, and never answers.
    let hanging = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/hook", hanging.local_addr().expect("an address"));
    let server = serve(&home);
    let added = home.run(&["webhooks", "add", &url, "--json"]);
    assert_eq!(added.code, 0, "{}", added.err);
    let mut http = server.connect();
    let begun = Instant::now();
    for n in 0..200 {
        let order = simple_order(&format!("h-{n}"), "PEN", 1);
        assert_eq!(http.post("/v1/orders", order).status, 202);
    }
    assert!(begun.elapsed() < Duration::from_secs(15), "orders took {:?}", begun.elapsed());
    let is_behind = || follower(&home)["in_flight"].as_u64().is_some_and(|n| n > 0);
    assert!(until(PATIENCE_S, is_behind), "{:#}", follower(&home));
    let behind = follower(&home);
    assert!(behind["lag"]["changes"].as_u64().is_some_and(|n| n >= 100), "{behind:#}");
    let metrics = http.get("/metrics").text();
    let name = behind["name"].as_str().expect("a name");
    let lag = format!("comanda_follower_lag_changes{{follower=\"{name}\"}} ");
    assert!(metrics.contains(&lag), "{metrics}");
    assert_eq!(http.get("/ready").status, 200);

    // The server writes, and its followers are copied as they are.
    let copy = home.path("copy");
    let made = home.run(&["backup", &copy.to_string_lossy()]);
    assert_eq!(made.code, 0, "{}", made.err);
    let begun = Instant::now();
    assert_eq!(server.stop(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(15), "the end took {:?}", begun.elapsed());
    home.examine();

    let restored = Home::new();
    let ran = restored.run(&["restore", &copy.to_string_lossy()]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(follower(&restored)["name"], name, "it is known where it was");
    restored.examine();
}
