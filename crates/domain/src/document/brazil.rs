//! CPF, CNPJ, CEP and UF: shapes and check digits.
//!
//! Both check digits of a CPF or CNPJ follow the same formula, modulo 11. Each character before
//! the digit is worth its ASCII code − 48 (`0` 0 … `9` 9, `A` 17 … `Z` 42), times its weight:
//!
//! | number | first digit | second digit |
//! |---|---|---|
//! | CPF, 11 digits | 10,9,8,7,6,5,4,3,2 | 11,10,9,8,7,6,5,4,3,2 |
//! | CNPJ, 14 characters | 5,4,3,2,9,8,7,6,5,4,3,2 | 6,5,4,3,2,9,8,7,6,5,4,3,2 |
//!
//! The digit is 11 minus the remainder of the sum by 11; 0 when the remainder is 0 or 1. Since
//! July 2026 the first twelve characters of a CNPJ may be letters (Instrução Normativa RFB
//! 2.229/2024); those of digits alone stay valid.
//!
//! Never: a table that must follow the authorities' registers. What is well formed passes.

/// Whether a CPF has eleven digits, with or without punctuation, and the right check digits.
///
/// ```
/// use domain::document::brazil::cpf_is_valid;
/// assert!(cpf_is_valid("529.982.247-25") && cpf_is_valid("52998224725"));
/// assert!(!cpf_is_valid("529.982.247-24") && !cpf_is_valid("111.111.111-11"));
/// ```
#[must_use]
pub fn cpf_is_valid(text: &str) -> bool {
    symbols::<11>(text).is_some_and(|cpf| cpf_checks(&cpf))
}

/// Whether a CNPJ has fourteen characters, with or without punctuation, and the right check
/// digits. Since July 2026 the first twelve may be letters.
///
/// ```
/// use domain::document::brazil::cnpj_is_valid;
/// assert!(cnpj_is_valid("12.345.678/0001-95") && cnpj_is_valid("12.ABC.345/01DE-35"));
/// assert!(!cnpj_is_valid("12.345.678/0001-99") && !cnpj_is_valid("00000000000000"));
/// ```
#[must_use]
pub fn cnpj_is_valid(text: &str) -> bool {
    symbols::<14>(text).is_some_and(|cnpj| cnpj_checks(&cnpj))
}

/// True for what stands between the characters of a CPF or CNPJ.
#[must_use]
pub fn is_punctuation(byte: u8) -> bool {
    matches!(byte, b'.' | b'-' | b'/') || byte.is_ascii_whitespace()
}

/// Exactly `N` letters and digits in upper case, punctuation left out; `None` for a text that has
/// more, fewer or other characters.
#[must_use]
pub fn symbols<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut symbols = [0; N];
    let mut places = symbols.iter_mut();
    for byte in text.bytes().filter(|byte| !is_punctuation(*byte)) {
        if !byte.is_ascii_alphanumeric() {
            return None;
        }
        *places.next()? = byte.to_ascii_uppercase();
    }
    places.next().is_none().then_some(symbols)
}

/// Whether eleven symbols are a CPF: digits, not all the same, the last two as they must be.
#[must_use]
pub fn cpf_checks(cpf: &[u8; 11]) -> bool {
    let [base @ .., a, b] = cpf;
    let [first @ .., _] = cpf;
    cpf.iter().all(u8::is_ascii_digit)
        && cpf.iter().any(|digit| digit != a)
        && check_digit(base, 11) == *a
        && check_digit(first, 11) == *b
}

/// Whether fourteen symbols are a CNPJ: two digits at the end, as they must be, and not all
/// symbols the same.
#[must_use]
pub fn cnpj_checks(cnpj: &[u8; 14]) -> bool {
    let [base @ .., a, b] = cnpj;
    let [first @ .., _] = cnpj;
    a.is_ascii_digit()
        && b.is_ascii_digit()
        && cnpj.iter().any(|symbol| symbol != a)
        && check_digit(base, 9) == *a
        && check_digit(first, 9) == *b
}

/// The modulo 11 check digit: a symbol is worth its ASCII code − 48; weights are 2, 3, 4 … from
/// the right, beginning again at 2 after `weight_max`.
fn check_digit(symbols: &[u8], weight_max: u32) -> u8 {
    let (mut sum, mut weight) = (0_u32, 2);
    for symbol in symbols.iter().rev() {
        sum += u32::from(symbol.wrapping_sub(b'0')) * weight;
        weight = if weight == weight_max { 2 } else { weight + 1 };
    }
    match sum % 11 {
        0 | 1 => b'0',
        // 2 to 10: a digit is left.
        rest => b'0' + (11 - rest) as u8,
    }
}

/// The eight digits of a CEP as a number, whatever its punctuation.
fn cep(text: &str) -> Option<u32> {
    let digits = symbols::<8>(text).filter(|cep| cep.iter().all(u8::is_ascii_digit))?;
    Some(digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0')))
}

/// Whether a CEP and a state contradict each other. What is no CEP or no state (an address
/// abroad, a state written out) contradicts nothing.
///
/// ```
/// use domain::document::brazil::cep_contradicts;
/// assert!(cep_contradicts("22640-102", "SP") && !cep_contradicts("22640-102", "RJ"));
/// ```
#[must_use]
pub fn cep_contradicts(zip_code: &str, state: &str) -> bool {
    let Ok([a, b]) = <[u8; 2]>::try_from(state.trim_ascii().as_bytes()) else {
        return false;
    };
    let Some(cep) = cep(zip_code) else {
        return false;
    };
    let area = cep / 1_000;
    let areas = areas([a.to_ascii_uppercase(), b.to_ascii_uppercase()]);
    !areas.is_empty() && !areas.iter().any(|(from, to)| (*from..=*to).contains(&area))
}

/// The first five digits of a state's CEPs, from and to; none of what is no state.
fn areas(state: [u8; 2]) -> &'static [(u32, u32)] {
    match &state {
        b"SP" => &[(1_000, 19_999)],
        b"RJ" => &[(20_000, 28_999)],
        b"ES" => &[(29_000, 29_999)],
        b"MG" => &[(30_000, 39_999)],
        b"BA" => &[(40_000, 48_999)],
        b"SE" => &[(49_000, 49_999)],
        b"PE" => &[(50_000, 56_999)],
        b"AL" => &[(57_000, 57_999)],
        b"PB" => &[(58_000, 58_999)],
        b"RN" => &[(59_000, 59_999)],
        b"CE" => &[(60_000, 63_999)],
        b"PI" => &[(64_000, 64_999)],
        b"MA" => &[(65_000, 65_999)],
        b"PA" => &[(66_000, 68_899)],
        b"AP" => &[(68_900, 68_999)],
        b"AM" => &[(69_000, 69_299), (69_400, 69_899)],
        b"RR" => &[(69_300, 69_399)],
        b"AC" => &[(69_900, 69_999)],
        b"DF" => &[(70_000, 72_799), (73_000, 73_699)],
        b"GO" => &[(72_800, 72_999), (73_700, 76_799)],
        // The second range is from before 76800; old address books still have it.
        b"RO" => &[(76_800, 76_999), (78_900, 78_999)],
        b"TO" => &[(77_000, 77_999)],
        b"MT" => &[(78_000, 78_899)],
        b"MS" => &[(79_000, 79_999)],
        b"PR" => &[(80_000, 87_999)],
        b"SC" => &[(88_000, 89_999)],
        b"RS" => &[(90_000, 99_999)],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_of_cpfs() {
        for cpf in ["529.982.247-25", "52998224725", " 529 982 247 25 ", "123.456.789-09"] {
            assert!(cpf_is_valid(cpf), "{cpf}");
        }
        let wrong = ["", "123.456.789-00", "52998224726", "5299822472", "529982247250"];
        for cpf in wrong.into_iter().chain(["000.000.000-00", "5299822472A", "***.982.247-25"]) {
            assert!(!cpf_is_valid(cpf), "{cpf}");
        }
    }

    #[test]
    fn check_digits_of_cnpjs_with_and_without_letters() {
        let right = ["12.ABC.345/01DE-35", "12abc34501de35", "12.345.678/0001-95"];
        for cnpj in right.into_iter().chain(["11222333000181", "00.000.000/0001-91"]) {
            assert!(cnpj_is_valid(cnpj), "{cnpj}");
        }
        let wrong = ["", "12.ABC.345/01DE-36", "12.345.678/0001-99", "12ABC34501DE3A"];
        for cnpj in wrong.into_iter().chain(["00000000000000", "1234567800019", "12_345678000195"])
        {
            assert!(!cnpj_is_valid(cnpj), "{cnpj}");
        }
    }

    #[test]
    fn a_cep_belongs_to_a_state() {
        let contradictions = [("22640-102", "SP"), ("01310100", "rj"), ("69.350-000", "AM")];
        for (cep, state) in contradictions {
            assert!(cep_contradicts(cep, state), "{cep} {state}");
        }
        let fine = [
            ("22640-102", "RJ"),
            ("22.640-102", "rj "),
            ("69400-000", "AM"),
            ("72800-000", "GO"),
            ("78900-000", "RO"),
            ("9021", "SP"),
            ("22640-102", "Rio de Janeiro"),
            ("SW1A 1AA", "RJ"),
            ("22640-102", "XX"),
            ("", ""),
        ];
        for (cep, state) in fine {
            assert!(!cep_contradicts(cep, state), "{cep} {state}");
        }
    }
}
