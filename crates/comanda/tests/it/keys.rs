//! Who may call: keys and scopes, and no server beyond this machine without them.

use crate::support::{Home, Server, priced_order};

/// Makes a key; its secret.
fn key(home: &Home, scope: &str) -> String {
    let ran = home.run(&["keys", "create", "--scope", scope]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran.out.trim().to_owned()
}

fn everywhere(home: &Home) -> Server {
    let mut command = home.comanda();
    command.args(["serve", "--listen", "0.0.0.0:0"]);
    Server::start(command, &home.path("server.log"))
}

#[test]
fn a_server_beyond_this_machine_needs_keys_and_each_call_one_that_allows_it() {
    let home = Home::new();
    let refused = home.run(&["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert!(refused.err.contains("needs API keys"), "{}", refused.err);

    let scopes = ["read", "write", "admin"];
    let keys = scopes.map(|scope| key(&home, scope));
    let server = everywhere(&home);
    let rules = "{\"rules\": []}";
    let allowed = |key: &str| {
        let mut http = server.connect();
        if !key.is_empty() {
            http.headers = format!("authorization: Bearer {key}\r\n");
        }
        let order = priced_order("o1", "PEN", "1.50");
        let get = http.get("/v1/orders").status;
        let post = http.post("/v1/orders", order).status;
        let put = http.call("PUT", "/v1/pricing-rules", "application/json", rules.as_bytes());
        (get, post, put.expect("an answer").status)
    };
    assert_eq!(allowed(""), (401, 401, 401));
    assert_eq!(allowed("ck_wrong_wrong"), (401, 401, 401));
    assert_eq!(allowed(&keys[0]), (200, 403, 403));
    assert_eq!(allowed(&keys[1]), (200, 202, 403));
    assert_eq!(allowed(&keys[2]), (200, 409, 200));
    assert_eq!(server.connect().get("/health").status, 200);

    // Commands beside the server need a key as well.
    assert_eq!(home.run(&["orders", "list"]).code, 3);
    assert_eq!(home.run(&["--api-key", &keys[0], "orders", "list"]).code, 0);
    let ran = home.run(&["--api-key", &keys[0], "stock", "adjust", "PEN", "--by", "1"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_key_taken_back_counts_no_more_and_secrets_are_not_kept() {
    let home = Home::new();
    let (kept, revoked) = (key(&home, "read"), key(&home, "read"));
    let id = revoked.split('_').nth(1).expect("a key has an id").to_owned();
    assert!(home.run(&["keys", "list"]).out.contains(&id));
    let file = std::fs::read_to_string(home.store().join("keys.json")).expect("keys");
    for secret in [&kept, &revoked] {
        let secret = secret.rsplit('_').next().expect("a key has a secret");
        assert!(!file.contains(secret), "a secret is in the file");
    }
    assert_eq!(home.run(&["keys", "revoke", &id]).code, 0);
    assert_ne!(home.run(&["keys", "revoke", &id]).code, 0);
    let server = home.serve();
    let status = |key: &str| {
        let mut http = server.connect();
        http.headers = format!("x-api-key: {key}\r\n");
        http.get("/v1/orders").status
    };
    assert_eq!((status(&kept), status(&revoked)), (200, 401));
}

#[test]
fn the_file_of_keys_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    key(&home, "admin");
    let file = std::fs::metadata(home.store().join("keys.json")).expect("keys");
    assert_eq!(file.permissions().mode() & 0o077, 0);
}
