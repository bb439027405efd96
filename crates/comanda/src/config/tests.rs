//! Where settings come from, which counts, and what is refused with which words.

use domain::notice::Notice;
use service::notify::Channel;

use super::*;

fn nothing(_: &str) -> Option<String> {
    None
}

/// A file of these words, read with this environment and these flags.
fn loaded(
    file: &str,
    env: &[(&str, &str)],
    flags: impl FnOnce(&mut Flags),
) -> Result<Config, String> {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let path = dir.path().join("c.toml");
    std::fs::write(&path, file).expect("the file is written");
    let mut given = Flags { file: Some(path), ..Flags::default() };
    flags(&mut given);
    let env = |name: &str| {
        env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    let shown = format!("{}/", dir.path().display());
    load(&given, env).map_err(|faults| faults.to_string().replace(&shown, ""))
}

fn wrong(file: &str) -> String {
    loaded(file, &[], |_| ()).err().expect("it is refused")
}

fn shown(config: &Config, key: &str) -> (String, String) {
    let found = config.effective.iter().find(|e| e.setting.key == key).expect("a known key");
    let origin = match &found.origin {
        Origin::File { line, .. } => format!("line {line}"),
        other => other.to_string(),
    };
    let shown = found.shown().into_iter().map(|shown| shown.value);
    (shown.collect::<Vec<_>>().join(" "), origin)
}

#[test]
fn the_example_is_read_back_as_the_defaults() {
    let config = loaded(&example(), &[], |_| ()).expect("the example is sound");
    for (effective, setting) in config.effective.iter().zip(all()) {
        assert_eq!(effective.text, setting.default, "{}", setting.key);
        let from_file = matches!(effective.origin, Origin::File { .. });
        let is_list = setting.kind.rows.is_some();
        assert!(from_file || is_list, "{} is not in the example", setting.key);
    }
}

#[test]
fn the_limits_that_can_be_set_are_by_default_those_that_are_built_in() {
    let (path, built_in) = (None, web::Limits::default());
    let config = load(&Flags { file: path, ..Flags::default() }, nothing).expect("defaults");
    let limits = config.installation.limits();
    assert_eq!(format!("{limits:?}"), format!("{built_in:?}"));
}

#[test]
fn a_flag_counts_more_than_the_environment_and_that_more_than_the_file() {
    let file = "[orders]\ncurrency = \"USD\"\n";
    let of = |env: &[_], set: fn(&mut Flags)| {
        shown(&loaded(file, env, set).expect("sound settings"), "orders.currency")
    };
    let env = [("COMANDA_CURRENCY", "EUR")];
    let by_set = |flags: &mut Flags| flags.by_set.push("orders.currency=JPY".to_owned());
    assert_eq!(of(&[], |_| ()), ("USD".to_owned(), "line 2".to_owned()));
    assert_eq!(of(&env, |_| ()), ("EUR".to_owned(), "COMANDA_CURRENCY".to_owned()));
    assert_eq!(of(&env, by_set), ("JPY".to_owned(), "--set".to_owned()));
    let by_flag = |flags: &mut Flags| {
        flags.by_set.push("orders.currency=JPY".to_owned());
        flags.put("orders.currency", "currency", "CLP".to_owned());
    };
    assert_eq!(of(&env, by_flag), ("CLP".to_owned(), "--currency".to_owned()));
    let default = loaded("", &[], |_| ()).expect("an empty file is sound");
    let zone = ("America/Sao_Paulo".to_owned(), "default".to_owned());
    assert_eq!(shown(&default, "orders.time_zone"), zone);
}

#[test]
fn what_is_wrong_in_the_file_is_said_with_its_place_and_what_is_allowed() {
    for (file, says) in [
        ("[server]\nlisten = 8080\n", "c.toml:2:10: server.listen takes an address with a port"),
        ("[server]\nlisten = 8080\n", "not an integer"),
        ("[server]\n\n  connections_max = 0", "c.toml:3:21: server.connections_max takes a whole"),
        ("[server]\nconnections_max = 0", "from 1 to 1000000, not `0`"),
        ("[server]\nconnections_max = \"10\"", "not a string"),
        ("[server]\nlimit = 1", "c.toml:2:1: [server] has no limit; it has listen, connections_m"),
        ("[sever]\nlisten = 1", "c.toml:1:2: no section is called [sever]; there are [store]"),
        ("server = 1", "c.toml:1:10: [server] is a table of settings"),
        ("listen = 1", "c.toml:1:1: no section is called [listen]"),
        ("[stock]\nshortage = \"none\"", "takes partial, ship-complete, reject, not `none`"),
        ("[orders]\ntime_zone = \"Mars\"", "takes an IANA time zone"),
        ("[log]\nlevel = \"loud\"", "takes off, error, warn"),
        ("[orders\n", "c.toml:1:8: "),
        ("[orders]\ncurrency = \"BRL\"\ncurrency = \"USD\"\n", "c.toml:3:1: "),
    ] {
        let said = wrong(file);
        assert!(said.contains(says), "{file:?}: {said}");
    }
    for (file, says) in [
        (
            "[checks]\nbad_cpff = \"warn\"",
            "c.toml:2:1: checks is not as it must be: there is no rule",
        ),
        ("[checks]\n\nbad_cpf = \"loud\"", "c.toml:3:11: checks is not"),
        ("[merchants.x]\ncheks = 1", "c.toml:2:1: merchants is not as it must be: unknown field"),
    ] {
        let said = wrong(file);
        assert!(said.contains(says), "{file:?}: {said}");
    }
    let all = wrong("[server]\nlisten = 1\nrate_burst = 0\n[orders]\nname = 1\n");
    let places: Vec<&str> = all.lines().filter_map(|line| line.split(": ").next()).collect();
    assert_eq!(places, ["c.toml:2:10", "c.toml:3:14", "c.toml:5:1"], "all at once, in order");
}

#[test]
fn what_is_wrong_elsewhere_is_said_with_its_name() {
    let env = [("COMANDA_LISTEN", "nowhere")];
    let said = loaded("", &env, |_| ()).err().expect("it is refused");
    assert!(said.starts_with("COMANDA_LISTEN: server.listen takes an address"), "{said}");
    for (set, says) in [
        ("server.listen=nowhere", "--set: server.listen takes an address"),
        ("server.listen", "--set: server.listen needs a value"),
        ("server.lisen=1", "--set: no setting is called server.lisen"),
    ] {
        let said = loaded("", &[], |flags| flags.by_set.push(set.to_owned())).err();
        assert!(said.as_ref().is_some_and(|said| said.contains(says)), "{set}: {said:?}");
    }
    let missing = Flags { file: Some("/nowhere/c.toml".into()), ..Flags::default() };
    let said = load(&missing, nothing).err().expect("it is refused").to_string();
    assert!(said.starts_with("/nowhere/c.toml: "), "{said}");
}

#[test]
fn a_secret_is_not_shown_even_when_it_is_wrong() {
    let file = "[client]\napi_key = \"ck_hidden\"\n";
    let config = loaded(file, &[], |_| ()).expect("sound settings");
    assert_eq!(shown(&config, "client.api_key").0, "***");
    assert!(!format!("{:?}", config.installation).contains("hidden"));
    let said = wrong("[client]\napi_key = \"hidden words\"\n");
    assert!(!said.contains("hidden"), "{said}");
}

#[test]
fn lists_of_tables_in_the_example_count_when_they_are_uncommented() {
    let example = example();
    for section in SECTIONS.iter().filter(|s| s.heading().starts_with("[[")) {
        let (_, rest) = example.split_once(&format!("# {}\n", section.heading())).expect("there");
        let row = rest.lines().map_while(|line| line.strip_prefix("# ")).collect::<Vec<_>>();
        let text = format!("{}\n{}\n", section.heading(), row.join("\n"));
        let config = loaded(&text, &[], |_| ()).expect("the example is sound");
        let found = config.effective.iter().find(|e| e.setting.key == section.name);
        assert_ne!(found.expect("a known key").text, "[]", "{}", section.name);
    }
}

const TWO_STEPS: &str = "[[steps]]\nname = \"fraud\"\nurl = \"http://f.example/check\"\n\
    secret = \"whsec_aGlkZGVuaGlkZGVuaGlkZGVuaGlkZGVu\"\n[[steps]]\nname = \"erp\"\n\
    url = \"http://e.example\"\nwhen = \"order.total > 100\"\n";

#[test]
fn rows_of_a_list_are_shown_field_by_field_with_where_each_comes_from() {
    let config = loaded(TWO_STEPS, &[], |_| ()).expect("sound settings");
    let steps = config.effective.iter().find(|e| e.setting.key == "steps").expect("a known key");
    let shown = steps.shown();
    let of = |key: &str| {
        let row = shown.iter().find(|shown| shown.key == key).expect("a field");
        let origin = match &row.origin {
            Origin::File { line, .. } => line.to_string(),
            other => other.to_string(),
        };
        (row.value.clone(), origin)
    };
    assert_eq!(of("steps.fraud.secret"), ("***".to_owned(), "1".to_owned()));
    assert_eq!(of("steps.erp.when"), ("order.total > 100".to_owned(), "5".to_owned()));
    assert_eq!(of("steps.erp.secret"), (String::new(), "default".to_owned()));
    assert_eq!(of("steps.erp.timeout_ms"), ("5000".to_owned(), "default".to_owned()));
    assert!(!format!("{:?}", config.installation).contains("aGlkZGVu"));
    // What the list's text is elsewhere, says the same.
    let by_env = loaded("", &[("COMANDA_STEPS", &steps.text)], |_| ()).expect("sound settings");
    let again = by_env.effective.iter().find(|e| e.setting.key == "steps").expect("a known key");
    assert_eq!(again.text, steps.text);
    assert_eq!(by_env.installation.steps.len(), 2);
}

#[test]
fn what_is_wrong_with_a_list_is_said_with_its_place_all_at_once() {
    for (file, says) in [
        ("steps = 1", "c.toml:1:9: steps is a list of tables ([[steps]]), not an integer"),
        ("[steps]\nname = \"a\"", "c.toml:1:1: steps is a list of tables ([[steps]]), not a ta"),
        ("steps = [1]", "c.toml:1:10: steps is a list of tables, not of an integer"),
        ("[[steps]]\nname = \"a\"", "c.toml:1:1: steps needs url"),
        ("[[steps]]\nnam = \"a\"", "c.toml:2:1: steps has no nam; it has name, url, when"),
        ("[[steps]]\nname = 7", "c.toml:2:8: steps name takes 1 to 40 letters"),
        ("[[steps]]\nwhen = \"order.totl > 1\"", "c.toml:2:8: steps when is no condition: unkno"),
        ("[[steps]]\nwhen = \"line.quantity > 1\"", "c.toml:2:8: steps when is no condition: "),
        ("[[step]]\n", "no section is called [step]; there are [store]"),
    ] {
        let said = wrong(file);
        assert!(said.contains(says), "{file:?}: {said}");
    }
    let twice = wrong(&TWO_STEPS.replace("\"erp\"", "\"fraud\""));
    assert!(twice.contains("c.toml:5:1: steps has two of the name `fraud`"), "{twice}");
    let many = "[[steps]]\n".repeat(17);
    assert!(wrong(&many).contains("steps has at most 16 tables, not 17"), "{}", wrong(&many));
    let said = loaded("", &[("COMANDA_STEPS", "[{secret = \"hid den\"}]")], |_| ()).err();
    let said = said.expect("it is refused");
    assert!(said.starts_with("COMANDA_STEPS: steps secret takes"), "{said}");
    assert!(said.contains("needs name") && said.contains("needs url"), "{said}");
    assert!(!said.contains("hid den"), "{said}");
}

#[test]
fn sellers_have_severities_of_their_own() {
    let file = "[checks]\nbad_email = \"off\"\n[merchants.\"12.3\".checks]\nbad_cpf = \"error\"\n";
    let config = loaded(file, &[], |_| ()).expect("sound settings");
    let (value, line) = shown(&config, "merchants");
    assert_eq!(
        (&*value, &*line),
        ("{ \"12.3\" = { checks = { bad_cpf = \"error\" } } }", "line 3")
    );
    let checks = config.installation.documents().checks;
    let shop = domain::id::MerchantId::parse("12.3").expect("a name");
    use service::wire::violation::{Code, Severity};
    assert_eq!(checks.severity(Code::BadCpf, Some(&shop)), Some(Severity::Error));
    assert_eq!(checks.severity(Code::BadCpf, None), Some(Severity::Warn));
    assert_eq!(checks.severity(Code::BadEmail, Some(&shop)), None);
    let by_env = loaded("", &[("COMANDA_CHECKS", "{bad_cpf = \"error\"}")], |_| ());
    let checks = by_env.expect("sound settings").installation.documents().checks;
    assert_eq!(checks.severity(Code::BadCpf, None), Some(Severity::Error));
}

#[test]
fn every_setting_has_names_of_its_own_and_a_default_it_allows() {
    let mut names: Vec<&str> = all().flat_map(|s| [s.key, s.env]).chain([FILE_ENV]).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "a key or variable is used twice");
    for setting in all() {
        assert!((setting.kind.is_allowed)(setting.default), "{}", setting.key);
        assert!(setting.env.starts_with("COMANDA_"), "{}", setting.env);
    }
}

#[test]
fn mutated_files_are_refused_with_their_places_or_say_what_flags_can_say() {
    fuzz::check("config", |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        let path = Path::new("c.toml");
        let (found, faults) = file::read(path, text, SECTIONS);
        let lines = text.matches('\n').count() + 1;
        for fault in &faults {
            let place = fault.strip_prefix("c.toml:").and_then(|rest| rest.split_once(':'));
            let line = place.and_then(|(line, _)| line.parse::<usize>().ok());
            assert!(line.is_some_and(|line| (1..=lines).contains(&line)), "{fault}");
        }
        for file::Found { setting, text, line, .. } in found {
            assert!((1..=lines).contains(&line));
            assert!((setting.kind.is_allowed)(&text), "{} = {text:?}", setting.key);
        }
    });
}

#[test]
fn rules_of_notices_are_lists_or_texts_and_go_together_with_the_mail_server() {
    let server = "[email]\nhost = \"mail.example\"\nfrom = \"Loja <loja@shop.example>\"\n";
    let rule = "[[notify]]\non = [\"order.completed\", \"stock.pending\"]\n\
        to = [\"customer\", \"ops@shop.example\"]\nmerchants = [\"a\", \"b\"]\n";
    let config = loaded(&format!("{server}{rule}"), &[], |_| ()).expect("sound settings");
    let rules = crate::notices::rules(&config.installation);
    let [told] = &rules[..] else { panic!("{rules:?}") };
    assert!(told.on.has(Notice::OrderCompleted) && told.on.has(Notice::StockPending));
    let channels: Vec<String> = told.channels.iter().map(Channel::name).collect();
    assert_eq!(channels, ["email:customer", "email:ops@shop.example"]);
    assert_eq!((told.merchants.len(), told.every_minutes), (2, 5));
    let env = [("COMANDA_NOTIFY", "[{on = \"order.invalid\", channel = \"log\"}]")];
    let config = loaded("", &env, |_| ()).expect("the log needs no server");
    assert_eq!(crate::notices::rules(&config.installation)[0].channels, [Channel::Log]);

    assert!(wrong(rule).contains("e-mail needs email.host"));
    let about = format!("{server}[[notify]]\non = \"batch.finished\"\nto = \"customer\"\n");
    assert!(wrong(&about).contains("batch.finished is about no customer; give `to` addresses"));
    let nobody = format!("{server}[[notify]]\non = \"order.failed\"\nchannel = \"email\"\n");
    assert!(wrong(&nobody).contains("give `to`"));
    let unread = "[[notify]]\non = \"order.failed\"\nchannel = \"log\"\nto = \"customer\"\n";
    assert!(wrong(unread).contains("takes no `to`"));
    let unknown = format!("{server}[[notify]]\non = [\"order.completed\", \"order.lost\"]\n");
    assert!(wrong(&unknown).starts_with("c.toml:5:26: notify on takes"), "{}", wrong(&unknown));
    assert!(wrong("[email]\nhost = \"mail.example\"\n").contains("email.from"));
    let half = format!("{server}username = \"loja\"\n");
    assert!(wrong(&half).contains("both or none"));
    assert!(wrong("[email]\nhost = \"mail.example:25\"\n").contains("without a port"));
}

#[test]
fn the_mail_servers_password_is_shown_to_nobody() {
    let file = "[email]\nhost = \"mail.example\"\nfrom = \"loja@shop.example\"\n\
        username = \"loja\"\npassword = \"hunter2\"\n";
    let config = loaded(file, &[], |_| ()).expect("sound settings");
    assert_eq!(shown(&config, "email.password").0, "***");
    assert!(!format!("{:?}", config.installation).contains("hunter2"));
}
