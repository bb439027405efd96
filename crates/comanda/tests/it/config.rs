//! Settings from outside: the file, the environment, flags, and what is said of them.

use serde_json::Value;

use crate::support::{Home, Ran, comanda, run};

fn show(home: &Home, arguments: &[&str], env: &[(&str, &str)]) -> Ran {
    let mut command = home.comanda();
    command.args(arguments).args(["config", "show", "--json"]).envs(env.iter().copied());
    run(&mut command)
}

fn of<'a>(shown: &'a Value, setting: &str) -> &'a Value {
    let rows = shown["settings"].as_array().expect("settings are listed");
    rows.iter().find(|row| row["setting"] == setting).expect("the setting is listed")
}

#[test]
fn settings_come_from_a_file_the_environment_and_flags_and_show_says_which() {
    let home = Home::new();
    let text = "[orders]\ncurrency = \"USD\"\ntime_zone = \"UTC\"\n[client]\napi_key = \"ck_s\"\n";
    let file = home.file("c.toml", text).display().to_string();
    let env = [("COMANDA_CURRENCY", "EUR"), ("COMANDA_CONFIG", file.as_str())];
    let shown = show(&home, &["--shortage", "reject", "--set", "log.format=json"], &env).json();
    assert_eq!(shown["file"], file);
    for (setting, value, from) in [
        ("orders.time_zone", "UTC", format!("{file}:3")),
        ("orders.currency", "EUR", "COMANDA_CURRENCY".to_owned()),
        ("stock.shortage", "reject", "--shortage".to_owned()),
        ("stock.unknown_sku", "by-merchant", "default".to_owned()),
        ("log.format", "json", "--set".to_owned()),
        ("log.level", "warn", "COMANDA_LOG".to_owned()),
        ("client.api_key", "***", format!("{file}:5")),
    ] {
        let row = of(&shown, setting);
        assert_eq!((&row["value"], &row["from"]), (&value.into(), &from.into()), "{setting}");
    }
    let table = home.run(&["--config", &file, "config", "show"]);
    assert!(table.out.contains("orders.time_zone") && !table.out.contains("ck_s"), "{}", table.out);
}

#[test]
fn a_file_in_the_working_folder_is_found_and_what_is_wrong_in_it_stops_every_command() {
    let home = Home::new();
    home.file("comanda.toml", "[server]\nlisten = \"127.0.0.1:9\"\n");
    let in_folder = |arguments: &[&str]| {
        let mut command = home.comanda();
        run(command.current_dir(home.path("")).args(arguments))
    };
    let shown = in_folder(&["config", "show", "--json"]).json();
    assert_eq!(of(&shown, "server.listen")["from"], "comanda.toml:2");
    assert_eq!(in_folder(&["config", "check"]).code, 0);
    home.file("comanda.toml", "[server]\nlisten = 9\n\n[stok]\nshortage = \"reject\"\n");
    for arguments in [&["config", "check"][..], &["orders", "list"], &["serve"]] {
        let ran = in_folder(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains("comanda.toml:2:10: server.listen takes an address"), "{ran:?}");
        assert!(ran.err.contains("comanda.toml:4:2: no section is called [stok]"), "{ran:?}");
    }
}

#[test]
fn a_variable_that_is_no_setting_is_told_of_by_check() {
    let home = Home::new();
    let mut command = home.comanda();
    let checked = run(command.args(["config", "check"]).env("COMANDA_LISTN", "127.0.0.1:1"));
    assert_eq!(checked.code, 0, "{}", checked.err);
    assert!(checked.err.contains("COMANDA_LISTN: no setting"), "{}", checked.err);
    assert!(!checked.err.contains("COMANDA_LOG"), "{}", checked.err);
}

#[test]
fn a_store_is_not_opened_with_another_currency() {
    let home = Home::new();
    assert_eq!(home.run(&["orders", "list"]).code, 0);
    let backup = home.path("b").display().to_string();
    assert_eq!(home.run(&["backup", &backup]).code, 0);
    let elsewhere = home.path("restored").display().to_string();
    for arguments in [
        &["orders", "list"][..],
        &["serve", "--listen", "127.0.0.1:0"],
        &["doctor"],
        &["--data-dir", &elsewhere, "restore", &backup],
    ] {
        let mut command = if arguments[0] == "--data-dir" { comanda() } else { home.comanda() };
        let ran = run(command.args(["--currency", "JPY"]).args(arguments));
        assert_eq!(ran.code, 2, "{arguments:?}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains("are in BRL, orders.currency says JPY"), "{}", ran.err);
    }
    assert_eq!(home.run(&["doctor"]).code, 0);
}

#[test]
fn the_example_is_a_sound_file() {
    let home = Home::new();
    let example = home.run(&["config", "example"]);
    let file = home.file("example.toml", &example.bytes).display().to_string();
    let checked = home.run(&["--config", &file, "config", "check"]);
    assert_eq!(checked.code, 0, "{}", checked.err);
    assert!(home.run(&["--config", "/nowhere", "config", "check"]).err.contains("/nowhere"));
}
