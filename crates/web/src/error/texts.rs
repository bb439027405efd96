//! What problems are called, and what they say, in pt-BR, es and en.

use domain::limits::{NAME_BYTES_MAX, UNIT_PRICE_DECIMALS_MAX};
use service::wire::message::Lang;
use service::wire::violation::{Code, Detail, Expected};

use super::{Kind, RowCode};

/// A text in pt-BR, es and en.
pub(super) type Text = [&'static str; 3];

pub(super) fn pick(lang: Lang, [pt, es, en]: Text) -> &'static str {
    match lang {
        Lang::PtBr => pt,
        Lang::Es => es,
        Lang::En => en,
    }
}

/// A kind's code, title, detail, and when to come back.
pub(super) struct Row {
    pub(super) code: &'static str,
    pub(super) title: Text,
    pub(super) detail: Text,
    pub(super) retry_after_s: Option<u64>,
}

impl Row {
    const fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }
}

const fn row(code: &'static str, title: Text, detail: Text) -> Row {
    Row { code, title, detail, retry_after_s: None }
}

pub(super) fn of(kind: Kind) -> Row {
    match kind {
        Kind::Malformed => row(
            "malformed",
            ["Documento ilegível", "Documento ilegible", "Malformed document"],
            [
                "O conteúdo não pôde ser lido ({about}).",
                "El contenido no se pudo leer ({about}).",
                "The content cannot be read ({about}).",
            ],
        ),
        Kind::Invalid => row(
            "invalid",
            ["Documento inválido", "Documento inválido", "Invalid document"],
            [
                "O conteúdo viola as regras listadas em 'violations'.",
                "El contenido incumple las reglas listadas en 'violations'.",
                "The content breaks the rules listed under 'violations'.",
            ],
        ),
        Kind::BadParameter => row(
            "bad_parameter",
            ["Parâmetro inválido", "Parámetro inválido", "Bad parameter"],
            [
                "O parâmetro '{about}' é desconhecido, repetido ou inválido.",
                "El parámetro '{about}' es desconocido, repetido o inválido.",
                "Parameter '{about}' is unknown, repeated or invalid.",
            ],
        ),
        Kind::UnsupportedFilters => row(
            "unsupported_filters",
            ["Filtros incompatíveis", "Filtros incompatibles", "Unsupported filters"],
            [
                "Esta combinação de filtros não é oferecida; são oferecidas: {about}.",
                "Esta combinación de filtros no se ofrece; se ofrecen: {about}.",
                "This combination of filters is not offered; offered are: {about}.",
            ],
        ),
        Kind::Unauthorized => row(
            "unauthorized",
            ["Chave necessária", "Clave necesaria", "Key required"],
            [
                "Informe uma chave de API válida em 'Authorization: Bearer' ou 'X-Api-Key'.",
                "Indique una clave de API válida en 'Authorization: Bearer' o 'X-Api-Key'.",
                "Give a valid API key as 'Authorization: Bearer' or 'X-Api-Key'.",
            ],
        ),
        Kind::Forbidden => row(
            "forbidden",
            ["Sem permissão", "Sin permiso", "Not allowed"],
            [
                "Esta chave de API não tem o escopo '{about}'.",
                "Esta clave de API no tiene el alcance '{about}'.",
                "This API key does not have the scope '{about}'.",
            ],
        ),
        Kind::LinkUnknown => row(
            "link_unknown",
            ["Link inválido", "Enlace inválido", "Unknown link"],
            [
                "Este link não foi emitido aqui, ou foi alterado; peça outro.",
                "Este enlace no se emitió aquí, o fue alterado; pida otro.",
                "This link was not given out here, or was changed; ask for another.",
            ],
        ),
        Kind::LinkExpired => row(
            "link_expired",
            ["Link expirado", "Enlace vencido", "Expired link"],
            [
                "O prazo deste link terminou; peça outro.",
                "El plazo de este enlace terminó; pida otro.",
                "This link's time is over; ask for another.",
            ],
        ),
        Kind::TooManySecrets => row(
            "too_many_secrets",
            ["Segredos demais", "Demasiados secretos", "Too many secrets"],
            [
                "Segredos demais ainda têm links válidos; use earlier=end para encerrar todos.",
                "Demasiados secretos aún tienen enlaces válidos; use earlier=end para \
                 terminarlos todos.",
                "Too many secrets still have links that count; earlier=end ends them all.",
            ],
        ),
        Kind::NoRoute => row(
            "no_route",
            ["Endereço inexistente", "Dirección inexistente", "No such address"],
            [
                "Não há nada neste endereço.",
                "No hay nada en esta dirección.",
                "There is nothing at this address.",
            ],
        ),
        Kind::NotFound => row(
            "not_found",
            ["Não encontrado", "No encontrado", "Not found"],
            [
                "Não existe nada com este nome.",
                "No existe nada con este nombre.",
                "There is nothing of this name.",
            ],
        ),
        Kind::MethodNotAllowed => row(
            "method_not_allowed",
            ["Método não permitido", "Método no permitido", "Method not allowed"],
            [
                "Este endereço não aceita este método.",
                "Esta dirección no acepta este método.",
                "This address does not take this method.",
            ],
        ),
        Kind::BodyTimeout => row(
            "body_timeout",
            ["Tempo esgotado", "Tiempo agotado", "Request timed out"],
            [
                "O conteúdo não chegou a tempo.",
                "El contenido no llegó a tiempo.",
                "The content did not arrive in time.",
            ],
        ),
        Kind::BodyBroken => row(
            "body_broken",
            ["Conteúdo interrompido", "Contenido interrumpido", "Content broke off"],
            [
                "O conteúdo terminou antes do fim anunciado.",
                "El contenido terminó antes del final anunciado.",
                "The content ended before it was complete.",
            ],
        ),
        Kind::Duplicate => row(
            "duplicate",
            ["Pedido duplicado", "Orden duplicada", "Duplicate order"],
            [
                "Este vendedor já enviou um pedido com este número; vale o primeiro.",
                "Este vendedor ya envió una orden con este número; vale la primera.",
                "This seller has sent an order with this id before; the first one counts.",
            ],
        ),
        Kind::Ambiguous => row(
            "ambiguous_order",
            ["Número ambíguo", "Número ambiguo", "Ambiguous id"],
            [
                "Vários vendedores têm um pedido com este número; informe 'merchant_id'.",
                "Varios vendedores tienen una orden con este número; indique 'merchant_id'.",
                "Several sellers have an order with this id; give 'merchant_id'.",
            ],
        ),
        Kind::WrongState => row(
            "wrong_state",
            ["Estado não permite", "El estado no lo permite", "State does not allow it"],
            [
                "O estado {about} não permite esta operação.",
                "El estado {about} no permite esta operación.",
                "State {about} does not allow this.",
            ],
        ),
        Kind::BelowReserved => row(
            "below_reserved",
            ["Abaixo do reservado", "Por debajo de lo reservado", "Below what is reserved"],
            [
                "Restaria menos do que já está reservado; use \"release\": \"newest\" para \
                 liberar as reservas mais novas.",
                "Quedaría menos de lo ya reservado; use \"release\": \"newest\" para liberar \
                 las reservas más nuevas.",
                "Less would be left than is reserved; use \"release\": \"newest\" to take the \
                 newest reservations back.",
            ],
        ),
        Kind::StockOutOfRange => row(
            "stock_out_of_range",
            ["Estoque fora dos limites", "Stock fuera de los límites", "Stock out of range"],
            [
                "O estoque não pode ser negativo nem passar de dez bilhões de unidades.",
                "El stock no puede ser negativo ni superar diez mil millones de unidades.",
                "Stock may not be negative or above ten billion units.",
            ],
        ),
        Kind::TooManyReleases => row(
            "too_many_releases",
            ["Reservas demais", "Demasiadas reservas", "Too many reservations"],
            [
                "Seria preciso liberar reservas demais de uma vez; ajuste em passos menores.",
                "Habría que liberar demasiadas reservas a la vez; ajuste en pasos más pequeños.",
                "Too many reservations would have to be taken back at once; use smaller steps.",
            ],
        ),
        Kind::BatchConflict => row(
            "batch_conflict",
            ["Lote em conflito", "Lote en conflicto", "Batch conflict"],
            [
                "Este número de lote já foi usado para outro conteúdo.",
                "Este número de lote ya se usó para otro contenido.",
                "This batch id was used for other content.",
            ],
        ),
        Kind::TooLarge => row(
            "too_large",
            ["Conteúdo grande demais", "Contenido demasiado grande", "Content too large"],
            [
                "O conteúdo passa do limite ({about}).",
                "El contenido supera el límite ({about}).",
                "The content is above the limit ({about}).",
            ],
        ),
        Kind::UnsupportedMediaType => row(
            "unsupported_media_type",
            ["Tipo não suportado", "Tipo no admitido", "Unsupported media type"],
            [
                "São aceitos somente: {about}; sem Content-Encoding.",
                "Solo se aceptan: {about}; sin Content-Encoding.",
                "Accepted are only: {about}; without Content-Encoding.",
            ],
        ),
        Kind::NotQuotable => row(
            "not_quotable",
            ["Sem cotação", "Sin cotización", "Not quotable"],
            [
                "Só pedidos novos podem ser cotados; este altera ou cancela um pedido.",
                "Solo se cotizan órdenes nuevas; esta modifica o cancela una orden.",
                "Only new orders are quoted; this one amends or cancels an order.",
            ],
        ),
        Kind::UnsupportedCommand => row(
            "unsupported_command",
            ["Comando não oferecido", "Comando no ofrecido", "Command not offered"],
            [
                "Alterar e cancelar pedidos ainda não é oferecido; nada foi feito.",
                "Modificar y cancelar órdenes aún no se ofrece; no se hizo nada.",
                "Amending and cancelling orders is not offered yet; nothing was done.",
            ],
        ),
        Kind::TooManyRequests => row(
            "too_many_requests",
            ["Requisições demais", "Demasiadas solicitudes", "Too many requests"],
            [
                "O limite de requisições deste cliente foi atingido.",
                "Se alcanzó el límite de solicitudes de este cliente.",
                "This client's allowance of requests is used up.",
            ],
        ),
        Kind::SpoolFull => row(
            "disk_full",
            ["Disco cheio", "Disco lleno", "Disk full"],
            [
                "Não há espaço em disco para o lote; nada foi feito.",
                "No hay espacio en disco para el lote; no se hizo nada.",
                "There is no disk space for the batch; nothing was done.",
            ],
        )
        .retry_after(60),
        Kind::Full => row(
            "queue_full",
            ["Fila cheia", "Cola llena", "Queue full"],
            [
                "Há pedidos demais esperando; nada foi feito, tente de novo.",
                "Hay demasiadas órdenes en espera; no se hizo nada, intente de nuevo.",
                "Too much is waiting already; nothing was done, try again.",
            ],
        )
        .retry_after(1),
        Kind::DiskSpace => row(
            "disk_space",
            ["Pouco espaço em disco", "Poco espacio en disco", "Low disk space"],
            [
                "O espaço em disco está abaixo do mínimo seguro; nada foi feito.",
                "El espacio en disco está por debajo del mínimo seguro; no se hizo nada.",
                "Disk space is below the safe minimum; nothing was done.",
            ],
        )
        .retry_after(60),
        Kind::Busy => row(
            "batches_busy",
            ["Lotes demais", "Demasiados lotes", "Too many batches"],
            [
                "Não é possível iniciar mais lotes agora; nada foi feito.",
                "No se pueden iniciar más lotes ahora; no se hizo nada.",
                "No more batches can be started now; nothing was done.",
            ],
        )
        .retry_after(5),
        Kind::OutcomeUnknown => row(
            "outcome_unknown",
            ["Resultado desconhecido", "Resultado desconocido", "Outcome unknown"],
            [
                "Não se sabe se a gravação ocorreu; repita com o mesmo número de pedido.",
                "No se sabe si se grabó; repita con el mismo número de orden.",
                "The outcome is unknown; retry with the same id.",
            ],
        )
        .retry_after(1),
        Kind::Timeout => row(
            "timeout",
            ["Tempo esgotado", "Tiempo agotado", "Timed out"],
            [
                "A resposta demorou demais e o resultado é desconhecido; repita com o mesmo \
                 número de pedido.",
                "La respuesta tardó demasiado y el resultado se desconoce; repita con el mismo \
                 número de orden.",
                "The answer took too long and the outcome is unknown; retry with the same id.",
            ],
        )
        .retry_after(1),
        Kind::Closed => row(
            "shutting_down",
            ["Encerrando", "Cerrando", "Shutting down"],
            [
                "O servidor está sendo encerrado; nada foi feito.",
                "El servidor se está cerrando; no se hizo nada.",
                "The server is shutting down; nothing was done.",
            ],
        )
        .retry_after(5),
        Kind::Internal => row(
            "internal",
            ["Erro interno", "Error interno", "Internal error"],
            [
                "Ocorreu um erro nosso; ele foi registrado.",
                "Ocurrió un error nuestro; quedó registrado.",
                "Something went wrong on our side; it was logged.",
            ],
        ),
    }
}

pub(super) fn of_row(code: RowCode) -> Text {
    match code {
        RowCode::Known(_) => ["", "", ""],
        RowCode::Malformed => [
            "A linha não é um objeto JSON.",
            "La línea no es un objeto JSON.",
            "The line is not a JSON object.",
        ],
        RowCode::UnknownField => [
            "Campo '{field}' não existe aqui.",
            "El campo '{field}' no existe aquí.",
            "Field '{field}' does not exist here.",
        ],
        RowCode::OneOf => [
            "Informe exatamente um: 'delta' ou 'on_hand'.",
            "Indique exactamente uno: 'delta' u 'on_hand'.",
            "Give exactly one: 'delta' or 'on_hand'.",
        ],
        RowCode::TooMany => [
            "Campo '{field}' tem valores demais.",
            "El campo '{field}' tiene demasiados valores.",
            "Field '{field}' has too many values.",
        ],
        RowCode::NotWhole => [
            "Campo '{field}' deve ser um número inteiro.",
            "El campo '{field}' debe ser un número entero.",
            "Field '{field}' must be a whole number.",
        ],
        RowCode::NotTexts => [
            "Campo '{field}' deve ser uma lista de textos.",
            "El campo '{field}' debe ser una lista de textos.",
            "Field '{field}' must be a list of texts.",
        ],
    }
}

/// Faults that only the ledger finds.
pub(super) fn of_fault(code: &str) -> Option<Text> {
    match code {
        "malformed" => Some([
            "O documento não é um objeto JSON válido.",
            "El documento no es un objeto JSON válido.",
            "The document is not a valid JSON object.",
        ]),
        "total_out_of_range" => Some([
            "O total do pedido passa do limite.",
            "El total de la orden supera el límite.",
            "The order's total is out of range.",
        ]),
        _ => None,
    }
}

/// What the message of a row's violation says beyond the place.
pub(super) fn detail_of(code: Code) -> Detail {
    match code {
        Code::TooLong => Detail::Limit(NAME_BYTES_MAX as i64),
        Code::TooPrecise => Detail::Limit(i64::from(UNIT_PRICE_DECIMALS_MAX)),
        Code::WrongType => Detail::Expected(Expected::Text),
        _ => Detail::None,
    }
}
