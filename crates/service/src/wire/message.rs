//! What people read: violations and states in Portuguese, Spanish and English.
//!
//! Never: a decision, or a value of a document.

use super::document::Malformed;
use super::violation::{Code, Detail, Expected, Violation};

/// A language Comanda speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Lang {
    /// Brazilian Portuguese.
    PtBr,
    /// Spanish.
    Es,
    /// English: for those who ask for no language, or for none of these.
    #[default]
    En,
}

impl Lang {
    /// The language tag (BCP 47).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PtBr => "pt-BR",
            Self::Es => "es",
            Self::En => "en",
        }
    }

    /// The language an `Accept-Language` header likes best: highest `q`, then the first. Regions
    /// are not told apart (`pt-PT` and `pt` are `pt-BR`); `*`, nothing and nonsense are English.
    ///
    /// ```
    /// use service::wire::message::Lang;
    /// assert_eq!(Lang::from_accept_language("fr, en;q=0.5, es-MX;q=0.9"), Lang::Es);
    /// assert_eq!(Lang::from_accept_language("pt"), Lang::PtBr);
    /// assert_eq!(Lang::from_accept_language(""), Lang::En);
    /// ```
    #[must_use]
    pub fn from_accept_language(header: &str) -> Self {
        let (mut best, mut best_weight) = (Self::default(), 0);
        for range in header.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let lang = parts.next().and_then(Self::from_range);
            let q = parts.find_map(|p| p.strip_prefix("q=").or_else(|| p.strip_prefix("Q=")));
            let weight = q.map_or(Some(1_000), thousandths);
            if let (Some(lang), Some(weight)) = (lang, weight)
                && weight > best_weight
            {
                (best, best_weight) = (lang, weight);
            }
        }
        best
    }

    fn from_range(range: &str) -> Option<Self> {
        let primary = range.split(['-', '_']).next().unwrap_or_default();
        let is = |name: &str| primary.eq_ignore_ascii_case(name);
        match () {
            () if is("pt") => Some(Self::PtBr),
            () if is("es") => Some(Self::Es),
            () if is("en") || is("*") => Some(Self::En),
            () => None,
        }
    }

    fn pick(self, [pt, es, en]: [&'static str; 3]) -> &'static str {
        match self {
            Self::PtBr => pt,
            Self::Es => es,
            Self::En => en,
        }
    }
}

/// A weight of `Accept-Language` (`0.85`) in thousandths.
fn thousandths(q: &str) -> Option<u32> {
    let (whole, rest) = q.split_once('.').unwrap_or((q, ""));
    let digits = rest.bytes().chain(*b"000").take(3);
    let mut weight = match whole {
        "0" | "" => 0,
        "1" => 1,
        _ => return None,
    };
    for digit in digits {
        weight = weight * 10 + char::from(digit).to_digit(10)?;
    }
    Some(weight.min(1_000))
}

/// What is wrong, as a sentence: pt-BR `Campo 'order_id' é obrigatório.`
///
/// ```
/// use service::wire::message::{Lang, text};
/// use service::wire::violation::{Code, Detail, Severity, Violation};
/// let violation = Violation {
///     pointer: "/order_id".into(),
///     code: Code::Required,
///     severity: Severity::Error,
///     detail: Detail::None,
/// };
/// assert_eq!(text(&violation, Lang::PtBr), "Campo 'order_id' é obrigatório.");
/// assert_eq!(text(&violation, Lang::Es), "El campo 'order_id' es obligatorio.");
/// assert_eq!(text(&violation, Lang::En), "Field 'order_id' is required.");
/// ```
#[must_use]
pub fn text(violation: &Violation, lang: Lang) -> String {
    let detail = match violation.detail {
        Detail::None => String::new(),
        Detail::Limit(limit) => limit.to_string(),
        Detail::Expected(expected) => lang.pick(expectation(expected)).to_owned(),
    };
    let template = match (violation.code, violation.detail) {
        (Code::TooLarge, Detail::None) => TOO_LARGE_UNLIMITED,
        (code, _) => sentence(code),
    };
    lang.pick(template).replace("{field}", &field(&violation.pointer)).replace("{detail}", &detail)
}

/// Why bytes are no document, as a sentence. The parser's own reason stays English.
#[must_use]
pub fn malformed(fault: &Malformed, lang: Lang) -> String {
    let template = lang.pick([
        "O documento não é um objeto JSON válido (linha {line}, coluna {column}: {reason}).",
        "El documento no es un objeto JSON válido (línea {line}, columna {column}: {reason}).",
        "The document is not a valid JSON object (line {line}, column {column}: {reason}).",
    ]);
    let template = template.replace("{line}", &fault.line.to_string());
    template.replace("{column}", &fault.column.to_string()).replace("{reason}", &fault.message)
}

/// `/items/3/quantity` as people write it: `items[3].quantity`.
fn field(pointer: &str) -> String {
    let mut field = String::with_capacity(pointer.len() + 1);
    for segment in pointer.split('/').skip(1) {
        if segment.bytes().all(|byte| byte.is_ascii_digit()) {
            field.extend(["[", segment, "]"]);
        } else {
            field.extend([if field.is_empty() { "" } else { "." }, segment]);
        }
    }
    field
}

fn expectation(expected: Expected) -> [&'static str; 3] {
    match expected {
        Expected::Text => ["um texto", "un texto", "a text"],
        Expected::Number => ["um número", "un número", "a number"],
        Expected::Object => ["um objeto", "un objeto", "an object"],
        Expected::List => ["uma lista", "una lista", "a list"],
    }
}

const TOO_LARGE_UNLIMITED: [&str; 3] = [
    "Campo '{field}' ultrapassa o maior valor permitido.",
    "El campo '{field}' supera el valor máximo permitido.",
    "Field '{field}' is above the largest amount allowed.",
];

/// The sentence of a rule in pt-BR, es and en.
fn sentence(code: Code) -> [&'static str; 3] {
    match code {
        Code::Required => [
            "Campo '{field}' é obrigatório.",
            "El campo '{field}' es obligatorio.",
            "Field '{field}' is required.",
        ],
        Code::WrongType => [
            "Campo '{field}' deve ser {detail}.",
            "El campo '{field}' debe ser {detail}.",
            "Field '{field}' must be {detail}.",
        ],
        Code::ConflictingValues => [
            "Campo '{field}' foi informado mais de uma vez, com valores diferentes.",
            "El campo '{field}' se informó más de una vez, con valores distintos.",
            "Field '{field}' is given more than once, with different values.",
        ],
        Code::MerchantConflict => [
            "Campo '{field}' e o CNPJ da empresa indicam vendedores diferentes.",
            "El campo '{field}' y el CNPJ de la empresa indican vendedores distintos.",
            "Field '{field}' and the company's CNPJ name different sellers.",
        ],
        Code::MixedKinds => [
            "O documento mistura uma compra ('items') com uma transferência ('amount', \
             'fromAccount', 'toAccount').",
            "El documento mezcla una compra ('items') con una transferencia ('amount', \
             'fromAccount', 'toAccount').",
            "The document mixes a purchase ('items') with a transfer ('amount', 'fromAccount', \
             'toAccount').",
        ],
        Code::BadName => [
            "Campo '{field}' contém caracteres não permitidos.",
            "El campo '{field}' contiene caracteres no permitidos.",
            "Field '{field}' contains characters that are not allowed.",
        ],
        Code::TooLong => [
            "Campo '{field}' pode ter no máximo {detail} bytes.",
            "El campo '{field}' puede tener como máximo {detail} bytes.",
            "Field '{field}' may have at most {detail} bytes.",
        ],
        Code::EmptyItems => [
            "O pedido deve ter pelo menos um item.",
            "La orden debe tener al menos un producto.",
            "The order must have at least one item.",
        ],
        Code::TooManyItems => [
            "O pedido pode ter no máximo {detail} itens.",
            "La orden puede tener como máximo {detail} productos.",
            "The order may have at most {detail} items.",
        ],
        Code::TooManyCoupons => [
            "O pedido pode ter no máximo {detail} cupons.",
            "La orden puede tener como máximo {detail} cupones.",
            "The order may have at most {detail} coupons.",
        ],
        Code::NotANumber => [
            "Campo '{field}' não é um número válido.",
            "El campo '{field}' no es un número válido.",
            "Field '{field}' is not a valid number.",
        ],
        Code::BadQuantity => [
            "Campo '{field}' deve ser um número inteiro maior que zero.",
            "El campo '{field}' debe ser un número entero mayor que cero.",
            "Field '{field}' must be a whole number greater than zero.",
        ],
        Code::Negative => [
            "Campo '{field}' não pode ser negativo.",
            "El campo '{field}' no puede ser negativo.",
            "Field '{field}' must not be negative.",
        ],
        Code::NotPositive => [
            "Campo '{field}' deve ser maior que zero.",
            "El campo '{field}' debe ser mayor que cero.",
            "Field '{field}' must be greater than zero.",
        ],
        Code::TooLarge => [
            "Campo '{field}' pode ser no máximo {detail}.",
            "El campo '{field}' puede ser como máximo {detail}.",
            "Field '{field}' may be at most {detail}.",
        ],
        Code::TooPrecise => [
            "Campo '{field}' pode ter no máximo {detail} casas decimais.",
            "El campo '{field}' puede tener como máximo {detail} decimales.",
            "Field '{field}' may have at most {detail} decimals.",
        ],
        Code::BadDate => [
            "Campo '{field}' não é uma data válida; use, por exemplo, 2025-01-09T09:28:37-03:00.",
            "El campo '{field}' no es una fecha válida; use, por ejemplo, \
             2025-01-09T09:28:37-03:00.",
            "Field '{field}' is not a valid date; use, for example, 2025-01-09T09:28:37-03:00.",
        ],
        Code::UnknownStatus => [
            "Campo '{field}' não é um comando conhecido; use 'Pendente', 'Alterar Pedido' ou \
             'Cancela Pedido'.",
            "El campo '{field}' no es un comando conocido; use 'Pendente', 'Alterar Pedido' o \
             'Cancela Pedido'.",
            "Field '{field}' is not a known command; use 'Pendente', 'Alterar Pedido' or \
             'Cancela Pedido'.",
        ],
        Code::UnknownChannel => [
            "Campo '{field}' deve ser web, mobile, atm, api, file, queue ou batch.",
            "El campo '{field}' debe ser web, mobile, atm, api, file, queue o batch.",
            "Field '{field}' must be web, mobile, atm, api, file, queue or batch.",
        ],
        Code::UnknownShortagePolicy => [
            "Campo '{field}' deve ser partial, ship_complete ou reject.",
            "El campo '{field}' debe ser partial, ship_complete o reject.",
            "Field '{field}' must be partial, ship_complete or reject.",
        ],
        Code::BadAccount => [
            "Campo '{field}' deve conter somente dígitos.",
            "El campo '{field}' debe contener solo dígitos.",
            "Field '{field}' must consist of digits only.",
        ],
        Code::SameAccount => [
            "Campo '{field}' deve ser diferente da conta de origem.",
            "El campo '{field}' debe ser distinto de la cuenta de origen.",
            "Field '{field}' must be another account than the one the money comes from.",
        ],
        Code::NoCustomer => [
            "Falta o cliente: informe 'customer' ou 'customerId'.",
            "Falta el cliente: informe 'customer' o 'customerId'.",
            "The customer is missing: give 'customer' or 'customerId'.",
        ],
        Code::BadCpf => [
            "Campo '{field}' não é um CPF válido.",
            "El campo '{field}' no es un CPF válido.",
            "Field '{field}' is not a valid CPF.",
        ],
        Code::BadCnpj => [
            "Campo '{field}' não é um CNPJ válido.",
            "El campo '{field}' no es un CNPJ válido.",
            "Field '{field}' is not a valid CNPJ.",
        ],
        Code::BadEmail => [
            "Campo '{field}' não é um endereço de e-mail válido.",
            "El campo '{field}' no es una dirección de correo electrónico válida.",
            "Field '{field}' is not a valid e-mail address.",
        ],
        Code::CepStateMismatch => [
            "Campo '{field}': o CEP não pertence ao estado informado.",
            "El campo '{field}': el CEP no pertenece al estado indicado.",
            "Field '{field}': the CEP does not belong to the state given.",
        ],
        Code::PaymentMismatch => [
            "Campo '{field}' não corresponde ao total dos itens, com ou sem frete.",
            "El campo '{field}' no coincide con el total de los productos, con o sin envío.",
            "Field '{field}' is neither the items' total nor that plus shipping.",
        ],
        Code::DeliveryBeforeOrder => [
            "Campo '{field}' é anterior à data do pedido.",
            "El campo '{field}' es anterior a la fecha de la orden.",
            "Field '{field}' is before the date of the order.",
        ],
    }
}

/// The label of an order's state (`RECEIVED`); an unknown state is its own label.
///
/// ```
/// use service::wire::message::{Lang, line_label, order_label};
/// assert_eq!(order_label("BACKORDERED", Lang::PtBr), "Produto Pendente");
/// assert_eq!(line_label("BACKORDERED", Lang::PtBr), "Pendente");
/// ```
#[must_use]
pub fn order_label(state: &str, lang: Lang) -> &str {
    lang.pick(match state {
        "INVALID" => ["Inválido", "Inválida", "Invalid"],
        "RECEIVED" => ["Recebido", "Recibida", "Received"],
        "PROCESSING" => ["Em processamento", "En proceso", "Processing"],
        "COMPLETED" => ["Novo Pedido (confirmado)", "Confirmada", "Completed"],
        "BACKORDERED" => ["Produto Pendente", "Producto pendiente", "Backordered"],
        "REJECTED" => ["Rejeitado", "Rechazada", "Rejected"],
        "FAILED" => ["Falhou", "Fallida", "Failed"],
        "CANCELLED" => ["Cancelado", "Cancelada", "Cancelled"],
        "FULFILLED" => ["Entregue", "Entregada", "Fulfilled"],
        unknown => return unknown,
    })
}

/// The label of a line's state (`RESERVED`); an unknown state is its own label.
#[must_use]
pub fn line_label(state: &str, lang: Lang) -> &str {
    lang.pick(match state {
        "RESERVED" => ["Reservado", "Reservado", "Reserved"],
        "BACKORDERED" => ["Pendente", "Pendiente", "Backordered"],
        "UNTRACKED" => ["Sem controle de estoque", "Sin control de stock", "Untracked"],
        "REJECTED" => ["Rejeitado", "Rechazado", "Rejected"],
        "RELEASED" => ["Liberado", "Liberado", "Released"],
        "CANCELLED" => ["Cancelado", "Cancelado", "Cancelled"],
        "FULFILLED" => ["Entregue", "Entregado", "Fulfilled"],
        unknown => return unknown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::violation::Severity;

    const LANGS: [Lang; 3] = [Lang::PtBr, Lang::Es, Lang::En];

    fn violation(code: Code, detail: Detail) -> Violation {
        Violation { pointer: "/items/3/quantity".into(), code, severity: Severity::Error, detail }
    }

    #[test]
    fn every_rule_is_a_sentence_in_every_language() {
        for code in Code::ALL {
            assert_eq!(Code::parse(code.as_str()), Some(*code));
            for lang in LANGS {
                let text = text(&violation(*code, Detail::Limit(7)), lang);
                assert!(text.ends_with('.') && !text.contains(['{', '}']), "{text}");
                assert!(!text.contains("  "), "{text}");
            }
        }
    }

    #[test]
    fn a_sentence_names_the_place_and_what_belongs_there() {
        let wrong = violation(Code::WrongType, Detail::Expected(Expected::Number));
        assert_eq!(text(&wrong, Lang::PtBr), "Campo 'items[3].quantity' deve ser um número.");
        let large = violation(Code::TooLarge, Detail::Limit(10));
        assert_eq!(text(&large, Lang::En), "Field 'items[3].quantity' may be at most 10.");
        let large = violation(Code::TooLarge, Detail::None);
        let spanish = "El campo 'items[3].quantity' supera el valor máximo permitido.";
        assert_eq!(text(&large, Lang::Es), spanish);
    }

    #[test]
    fn the_best_language_is_chosen() {
        let table = [
            ("pt-BR,pt;q=0.9,en;q=0.8", Lang::PtBr),
            ("es-419", Lang::Es),
            ("ES", Lang::Es),
            ("en;q=0.1, pt;q=0.123, es;q=0.12", Lang::PtBr),
            ("es;q=0, en;q=0.1", Lang::En),
            ("*", Lang::En),
            ("fr, de;q=0.5", Lang::En),
            ("fr, de;q=0.5, pt_PT;q=0.1", Lang::PtBr),
            ("pt;q=zebra, es;q=1.0", Lang::Es),
            (";;,,q=1", Lang::En),
        ];
        for (header, lang) in table {
            assert_eq!(Lang::from_accept_language(header), lang, "{header}");
        }
    }

    #[test]
    fn labels_are_those_people_know() {
        let received = LANGS.map(|lang| order_label("RECEIVED", lang));
        assert_eq!(received, ["Recebido", "Recibida", "Received"]);
        let completed = LANGS.map(|lang| order_label("COMPLETED", lang));
        assert_eq!(completed, ["Novo Pedido (confirmado)", "Confirmada", "Completed"]);
        assert_eq!(line_label("RESERVED", Lang::Es), "Reservado");
        assert_eq!(order_label("NEW_STATE", Lang::Es), "NEW_STATE");
    }
}
