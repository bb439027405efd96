//! E-mail against a server of others (aiosmtpd), read by a parser of others (Python's `email`).
#![allow(clippy::unwrap_used)]

#[path = "../../comanda/tests/it/support/peers.rs"]
mod peers;
mod support;

use connectors::mail::{MailSink, Tls};
use service::follow::{Delivery, Outcome};
use service::notify::Channel;

use support::{Post, World, order};

fn delivered(outcomes: &[Outcome]) {
    assert!(outcomes.iter().all(|o| *o == Outcome::Delivered), "{outcomes:?}");
}

fn unavailable(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Unavailable { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

fn refused(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Refused { reason } => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn both_alternatives_arrive_in_the_readers_language() {
    let (world, post) = (World::new(), Post::plain());
    let sink = world.sink(post.settings(), &[Channel::Customer]);
    let texts = [
        ("pt-BR", "José Conceição", "Pedido o-pt-BR confirmado", "Olá, José Conceição,"),
        ("es", "Íñigo Muñoz", "Orden o-es confirmada", "Hola, Íñigo Muñoz:"),
        ("en", "Zoë Straße", "Order o-en is confirmed", "Hello, Zoë Straße,"),
    ];
    for (lang, name, subject, greeting) in texts {
        let id = format!("o-{lang}");
        world.place(&order(&id, name, "reader@mail.example", lang));
        delivered(&world.tell(&sink));
        let mail = post.next();
        let header = |name: &str| mail["headers"][name].as_str().unwrap().to_owned();
        assert_eq!(header("Subject"), subject);
        assert_eq!(header("From"), "Loja São João <pedidos@loja.example>");
        assert_eq!(header("To"), format!("{name} <reader@mail.example>"));
        assert_eq!(header("Reply-To"), "ajuda@loja.example");
        assert_eq!(header("Auto-Submitted"), "auto-generated");
        assert_eq!(header("Content-Language"), lang);
        assert!(header("Message-ID").ends_with("@loja.example>"));
        assert_eq!(
            mail["kinds"],
            serde_json::json!(["multipart/alternative", "text/plain", "text/html"])
        );
        assert_eq!(mail["defects"], serde_json::json!([]));
        assert_eq!(mail["raw_is_ascii"], true);
        let (text, html) = (mail["text"].as_str().unwrap(), mail["html"].as_str().unwrap());
        let total = if lang == "en" { "R$1,234.50" } else { "R$\u{a0}1.234,50" };
        for said in [greeting, "Café em grãos", total] {
            assert!(text.contains(said), "{said} in {text}");
            assert!(html.contains(said), "{said} in {html}");
        }
        assert!(html.contains(&format!("<html lang=\"{lang}\">")));
    }
}

#[test]
fn what_a_document_says_stays_what_it_says() {
    let (world, post) = (World::new(), Post::plain());
    let sink = world.sink(post.settings(), &[Channel::Customer]);
    let name =
        "Ana\\r\\nBcc: all@mail.example\\r\\n\\r\\n<script>alert(1)</script> 👩‍🚀 & \\\"co\\\"";
    let note = "é".repeat(100_000);
    let document = order("<b>o&1</b>", name, "ana@mail.example", "en")
        .replace("\"notes\": \"\"", &format!("\"notes\": \"{note}\""))
        .replace("Café em grãos", "</td><img src=x onerror=alert(1)>");
    world.place(&document);
    delivered(&world.tell(&sink));
    let mail = post.next();
    assert_eq!(mail["to"], serde_json::json!(["ana@mail.example"]));
    let names: Vec<&str> =
        mail["names"].as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect();
    assert!(!names.contains(&"Bcc"), "{names:?}");
    assert_eq!(mail["defects"], serde_json::json!([]));
    let to = mail["headers"]["To"].as_str().unwrap();
    assert!(to.contains("👩‍🚀") && to.contains("<script>"), "{to}");
    assert_eq!(mail["headers"]["Subject"], "Order <b>o&1</b> is confirmed");
    let html = mail["html"].as_str().unwrap();
    for tag in ["<script", "<img", "<b>"] {
        assert!(!html.contains(tag), "{tag} in {html}");
    }
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(mail["bytes"].as_u64().unwrap() < 20_000);
}

#[test]
fn a_long_order_is_told_in_part() {
    let (world, post) = (World::new(), Post::plain());
    let sink = world.sink(post.settings(), &[Channel::Customer]);
    let item = r#"{"sku": "PEN", "quantity": 1, "price": "1.00"}"#;
    let items = format!("\"items\": [{}]", vec![item; 1_000].join(","));
    let document = order("o1", "Ana", "ana@mail.example", "en");
    let (before, _) = document.split_once("\"items\"").unwrap();
    world.place(&format!("{before}{items}}}"));
    delivered(&world.tell(&sink));
    let mail = post.next();
    let text = mail["text"].as_str().unwrap();
    assert_eq!(text.matches("- PEN").count(), 40);
    assert!(text.contains("and 960 more") && text.contains("Total: R$1,000.00"), "{text}");
    assert!(mail["bytes"].as_u64().unwrap() < 100_000);
}

#[test]
fn every_attempt_has_the_same_message_id() {
    let (world, post) = (World::new(), Post::plain());
    let channels = [Channel::Customer, Channel::Address("ops@loja.example".into())];
    let sink = world.sink(post.settings(), &channels);
    world.place(&order("o1", "Ana", "later@mail.example", "en"));
    let deliveries = world.select(&sink);
    assert_eq!(deliveries.len(), 2, "one a recipient");
    let outcomes: Vec<Outcome> = deliveries.iter().map(|d| world.deliver(&sink, d)).collect();
    assert!(refused(&outcomes[0]).contains("come back in a while"), "{outcomes:?}");
    assert_eq!(outcomes[1], Outcome::Delivered);
    // Another program, after a crash.
    let again = world.sink(post.settings(), &channels);
    assert_eq!(world.select(&again), deliveries);
    assert_eq!(world.deliver(&again, &deliveries[0]), Outcome::Delivered);
    assert_eq!(world.deliver(&again, &deliveries[0]), Outcome::Delivered);
    let ids: Vec<String> =
        (0..3).map(|_| post.next()["headers"]["Message-ID"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids[0], format!("<{}@loja.example>", deliveries[1].id));
    assert_eq!(ids[1], format!("<{}@loja.example>", deliveries[0].id));
    assert_eq!(ids[1], ids[2]);
}

#[test]
fn an_answer_says_whose_failure_it_is_and_costs_nobody_else_anything() {
    let (world, post) = (World::new(), Post::plain());
    let sink = world.sink(post.settings(), &[Channel::Customer]);
    for (recipient, own) in [
        ("nobody", true),
        ("spam", true),
        ("later", true),
        ("closing", false),
        ("hang", false),
        ("drop", false),
    ] {
        let address = format!("{recipient}@mail.example");
        world.place(&order(&format!("o-{recipient}"), "Ana", &address, "en"));
        let outcomes = world.tell(&sink);
        let reason = if own { refused(&outcomes[0]) } else { unavailable(&outcomes[0]) };
        assert!(!reason.contains('@'), "{recipient}: {reason}");
        // On the same connection, where it is kept: the next answer is the next message's.
        world.place(&order(&format!("after-{recipient}"), "Ana", "ana@mail.example", "en"));
        delivered(&world.tell(&sink));
        let subject = format!("Order after-{recipient} is confirmed");
        assert_eq!(post.next()["headers"]["Subject"], subject.as_str());
    }
    let mut settings = post.settings();
    settings.from = "stranger@loja.example";
    let stranger = world.sink(settings, &[Channel::Customer]);
    world.place(&order("o-stranger", "Ana", "ana@mail.example", "en"));
    assert!(unavailable(&world.tell(&stranger)[0]).contains("not known here"));
}

#[test]
fn a_server_that_is_not_there_is_everybodys_failure() {
    let (world, mut post) = (World::new(), Post::plain());
    let sink = world.sink(post.settings(), &[Channel::Customer]);
    world.place(&order("o1", "Ana", "ana@mail.example", "en"));
    delivered(&world.tell(&sink));
    // It goes away while a connection to it is kept.
    post.kill();
    world.place(&order("o2", "Ana", "ana@mail.example", "en"));
    unavailable(&world.tell(&sink)[0]);
}

#[test]
fn an_order_without_an_address_is_told_to_nobody() {
    let (world, post) = (World::new(), Post::plain());
    let sink = world.sink(post.settings(), &[Channel::Customer]);
    for (id, address) in [("o1", ""), ("o2", "n/a"), ("o3", "ana@mail.example>, <all@x.example")] {
        world.place(&order(id, "Ana", address, "en"));
        let outcomes = world.tell(&sink);
        assert!(matches!(&outcomes[..], [Outcome::Skipped { .. }]), "{address}: {outcomes:?}");
    }
}

#[test]
fn nothing_is_said_without_tls_that_is_trusted() {
    let authority = support::Authority::new();
    let login = Some(("loja".to_owned(), "s3cret".to_owned()));
    for tls in [Tls::Implicit, Tls::StartTls] {
        let (world, post) = (World::new(), Post::start(tls, Some(&authority)));
        let (place, tell) = (
            |id: &str| world.place(&order(id, "Ana", "ana@mail.example", "en")),
            |sink: &MailSink| world.tell(sink),
        );
        let mut settings = post.settings();
        settings.login = login.clone();
        let trusting = world.sink(settings.clone(), &[Channel::Customer]);
        place("o1");
        delivered(&tell(&trusting));
        let mail = post.next();
        assert_eq!((&mail["encrypted"], &mail["login"]), (&true.into(), &"loja".into()));

        settings.login = Some(("loja".to_owned(), "wrong".to_owned()));
        let wrong = world.sink(settings.clone(), &[Channel::Customer]);
        place("o2");
        let outcome = tell(&wrong).remove(0);
        assert!(unavailable(&outcome).contains("535"), "{outcome:?}");
        assert!(!unavailable(&outcome).contains("wrong"), "{outcome:?}");

        (settings.login, settings.authorities) = (login.clone(), None);
        let untrusting = world.sink(settings, &[Channel::Customer]);
        place("o3");
        let outcome = tell(&untrusting).remove(0);
        assert!(unavailable(&outcome).to_lowercase().contains("certificate"), "{outcome:?}");
    }
}

#[test]
fn a_server_that_cannot_starttls_is_not_used() {
    let (world, post) = (World::new(), Post::plain());
    let mut settings = post.settings();
    settings.tls = Tls::StartTls;
    let sink = world.sink(settings, &[Channel::Customer]);
    world.place(&order("o1", "Ana", "ana@mail.example", "en"));
    assert!(unavailable(&world.tell(&sink)[0]).contains("STARTTLS"));
}

#[test]
fn bad_input_of_a_window_and_the_end_of_a_batch_are_told_to_the_installations_people() {
    let (world, post) = (World::new(), Post::plain());
    let sink = world
        .sink(post.settings(), &[Channel::Customer, Channel::Address("ops@loja.example".into())]);
    for _ in 0..30 {
        world.audit();
    }
    let gathered: Vec<Delivery> = world.select(&sink);
    assert_eq!(gathered.len(), 1);
    assert!(gathered[0].due.is_some() && gathered[0].order.is_none());
    delivered(&world.tell(&sink));
    let mail = post.next();
    assert_eq!(mail["headers"]["Subject"], "30 documentos não eram pedidos válidos");
    let text = mail["text"].as_str().unwrap();
    assert!(
        text.contains("- required: 30") && text.contains("Campo 'items' é obrigatório."),
        "{text}"
    );

    world.batch("lote-7");
    delivered(&world.tell(&sink));
    let mail = post.next();
    assert_eq!(mail["headers"]["Subject"], "Lote lote-7: Concluído");
    let text = mail["text"].as_str().unwrap();
    assert!(text.contains("Com falha: 2"), "{text}");
    assert_eq!(mail["to"], serde_json::json!(["ops@loja.example"]));
}
