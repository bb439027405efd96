//! People and addresses of Brazil, invented: names, CPFs with right check digits, CEPs that lie
//! in their state.
//!
//! Never: real people. Names and numbers are drawn; e-mail goes to reserved domains.

mod tables;

use super::random::Random;
use super::text::{put, put_number, put_padded};
use tables::{FIRST_NAMES, LAST_NAMES, MAIL_DOMAINS, STREETS, TOWNS, Town};

/// A buyer: `{"first_name":…,"address":{…}}`. Returns where the address lies in `out`, for the
/// goods usually go there too.
pub(super) fn put_customer(out: &mut Vec<u8>, random: &mut Random) -> std::ops::Range<usize> {
    let (first, first_ascii) = random.pick(&FIRST_NAMES);
    let (last, last_ascii) = random.pick(&LAST_NAMES);
    put(out, r#"{"first_name":""#);
    put(out, first);
    put(out, r#"","last_name":""#);
    put(out, last);
    if random.percent(30) {
        put(out, r#"","name":""#);
        put(out, first);
        put(out, " ");
        put(out, last);
    }
    put(out, r#"","cpf":""#);
    put_cpf(out, random);
    put(out, r#"","email":""#);
    put(out, first_ascii);
    put(out, ".");
    put(out, last_ascii);
    put_number(out, random.below(1_000));
    put(out, "@");
    put(out, random.pick(&MAIL_DOMAINS));
    let town = random.pick(&TOWNS);
    put(out, r#"","phone":""#);
    put_phone(out, random, town.area);
    put(out, r#"","address":"#);
    let start = out.len();
    put_address_in(out, random, &town);
    let address = start..out.len();
    put(out, "}");
    address
}

/// An address: `{"street":…,"zip_code":…}`.
pub(super) fn put_address(out: &mut Vec<u8>, random: &mut Random) {
    let town = random.pick(&TOWNS);
    put_address_in(out, random, &town);
}

fn put_address_in(out: &mut Vec<u8>, random: &mut Random, town: &Town) {
    put(out, r#"{"street":""#);
    put(out, random.pick(&STREETS));
    put(out, r#"","number":""#);
    put_number(out, 1 + random.below(4_999));
    put(out, r#"","complement":""#);
    put_complement(out, random);
    put(out, r#"","neighborhood":""#);
    put(out, random.pick(&town.neighborhoods));
    put(out, r#"","city":""#);
    put(out, town.city);
    put(out, r#"","state":""#);
    put(out, town.state);
    put(out, r#"","zip_code":""#);
    put_padded(out, town.cep_first + random.below(town.cep_last - town.cep_first + 1), 5);
    put(out, if random.percent(75) { "-" } else { "" });
    put_padded(out, random.below(1_000), 3);
    put(out, r#""}"#);
}

fn put_complement(out: &mut Vec<u8>, random: &mut Random) {
    match random.below(8) {
        0 => {}
        1 => put(out, "Fundos"),
        2 => put(out, "Casa 2"),
        3..6 => {
            put(out, "Apto ");
            put_number(out, 101 + random.below(1_800));
        }
        _ => {
            put(out, "Bloco ");
            put_number(out, 1 + random.below(9));
            put(out, ", Apto ");
            put_number(out, 101 + random.below(400));
        }
    }
}

fn put_phone(out: &mut Vec<u8>, random: &mut Random, area: u64) {
    let (before, between, dash) =
        random.pick(&[("+55 ", " ", "-"), ("+55 ", " ", "-"), ("(", ") ", "-"), ("", "", "")]);
    put(out, before);
    put_number(out, area);
    put(out, between);
    put_number(out, 90_000 + random.below(10_000));
    put(out, dash);
    put_padded(out, random.below(10_000), 4);
}

fn put_cpf(out: &mut Vec<u8>, random: &mut Random) {
    let base = random.below(1_000_000_000);
    // Nine equal digits would make a CPF that is never issued.
    let base = if base.is_multiple_of(111_111_111) { base ^ 1 } else { base };
    let first = cpf_digit(base);
    let second = cpf_digit(base * 10 + first);
    let plain = random.percent(15);
    for (group, end) in [(base / 1_000_000, "."), (base / 1_000 % 1_000, "."), (base % 1_000, "-")]
    {
        put_padded(out, group, 3);
        put(out, if plain { "" } else { end });
    }
    put_padded(out, first * 10 + second, 2);
}

/// The check digit of the digits so far: weights 2, 3, 4, … from the right.
fn cpf_digit(digits: u64) -> u64 {
    let (mut rest, mut weight, mut sum) = (digits, 2, 0);
    while rest > 0 {
        sum += rest % 10 * weight;
        rest /= 10;
        weight += 1;
    }
    sum * 10 % 11 % 10
}
