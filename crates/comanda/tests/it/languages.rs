//! The commands speak the language of whoever runs them.

use crate::support::{Home, Ran, run};

/// Runs a command with these variables and no language asked for besides.
fn spoken(home: &Home, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let mut command = home.comanda();
    for name in ["COMANDA_LANG", "LC_ALL", "LC_MESSAGES", "LANG"] {
        command.env_remove(name);
    }
    run(command.envs(variables.iter().copied()).args(arguments))
}

#[test]
fn the_flag_goes_before_the_variable_and_the_variable_before_the_terminal() {
    let home = Home::new();
    let heading = |variables: &[(&str, &str)], arguments: &[&str]| {
        let ran = spoken(&home, variables, &[&["stock", "list"], arguments].concat());
        let known = ["On hand", "Em estoque", "En stock"];
        known.into_iter().find(|word| ran.out.contains(word)).expect("a heading")
    };
    let terminal = ("LANG", "pt_BR.UTF-8");
    assert_eq!(heading(&[], &[]), "On hand");
    assert_eq!(heading(&[terminal], &[]), "Em estoque");
    assert_eq!(heading(&[terminal, ("LC_ALL", "es_MX.UTF-8")], &[]), "En stock");
    assert_eq!(heading(&[terminal, ("COMANDA_LANG", "es")], &[]), "En stock");
    assert_eq!(heading(&[terminal, ("COMANDA_LANG", "es")], &["--lang", "en"]), "On hand");
    let nobody = spoken(&home, &[], &["stock", "list", "--lang", "tlh"]);
    assert_eq!((nobody.code, nobody.err.contains("there are pt-BR, es and en")), (2, true));
}

#[test]
fn violations_and_errors_are_in_that_language_whoever_found_them() {
    let home = Home::new();
    let rules = home.file("rules.json", r#"[{"id": "a", "effect": {"type": "tax"}}]"#);
    let rules = rules.to_string_lossy();
    let checked = spoken(&home, &[("LANG", "pt")], &["rules", "check", &rules]);
    let portuguese = "/0/effect/percent  Campo 'percent' é obrigatório.\n";
    assert_eq!((checked.code, &*checked.out), (3, portuguese));
    let set = spoken(&home, &[("LANG", "es")], &["rules", "set", &rules]);
    assert_eq!(set.code, 3);
    assert!(set.err.contains("El campo 'percent' es obligatorio."), "{}", set.err);
    let missing = spoken(&home, &[("LANG", "pt")], &["orders", "place", "/nowhere/order.json"]);
    let error =
        "comanda: não foi possível ler /nowhere/order.json: o arquivo ou a pasta não existe";
    assert_eq!((missing.code, missing.err.lines().last()), (1, Some(error)));
    let table = home.file("orders.csv", "order_id customer sku\n1 a b\n");
    let table = table.to_string_lossy();
    let refused = spoken(&home, &[("LANG", "pt")], &["batch", "run", &table]);
    let why = "o cabeçalho não tem separador: vírgula, ponto e vírgula ou tabulação";
    assert_eq!(refused.code, 1);
    assert!(refused.err.trim_end().ends_with(why), "{}", refused.err);
}
