//! Webhook endpoints, as they are described.

use utoipa::ToSchema;

use super::{Name, Time};

/// An endpoint to add.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"url": "https://erp.example/hooks/comanda", "kinds": ["order.*"]}))]
pub struct NewWebhook {
    /// Where to; https, outside private networks unless the settings allow one.
    #[schema(min_length = 1, max_length = 2048)]
    url: String,
    /// What it is for.
    #[schema(max_length = 1024)]
    description: Option<String>,
    /// What it is told: names of kinds, `order.*`, or `*`, as when not named.
    #[schema(min_items = 1, max_items = 64)]
    kinds: Option<Vec<String>>,
    /// Of these sellers; of all of them when there are none.
    #[schema(max_items = 256)]
    merchant_ids: Option<Vec<Name>>,
    /// Most attempts a second; unbounded when not named.
    #[schema(minimum = 1, maximum = 10_000)]
    per_second: Option<u32>,
    /// Most attempts under way at once; 4 when not named.
    #[schema(minimum = 1, maximum = 64)]
    concurrency: Option<u16>,
    signing: Option<SigningScheme>,
}

/// What to set about an endpoint; what is not named stays.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookChange {
    #[schema(min_length = 1, max_length = 2048)]
    url: Option<String>,
    /// None when null.
    #[schema(max_length = 1024)]
    description: Option<String>,
    #[schema(min_items = 1, max_items = 64)]
    kinds: Option<Vec<String>>,
    /// All sellers when null.
    #[schema(max_items = 256)]
    merchant_ids: Option<Vec<Name>>,
    /// Unbounded when null.
    #[schema(minimum = 1, maximum = 10_000)]
    per_second: Option<u32>,
    #[schema(minimum = 1, maximum = 64)]
    concurrency: Option<u16>,
}

/// How messages are signed (Standard Webhooks).
#[derive(ToSchema)]
pub enum SigningScheme {
    /// HMAC-SHA256 with a secret that both sides know.
    #[schema(rename = "v1")]
    V1,
    /// ed25519: the receiver gets the public key.
    #[schema(rename = "v1a")]
    V1a,
}

/// Whether an endpoint is told.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum WebhookStatus {
    /// It is.
    Active,
    /// It is not, until it is enabled.
    Disabled,
}

/// An endpoint.
#[derive(ToSchema)]
pub struct WebhookRow {
    #[schema(example = "ep_4f1c0a9b7e3d2c58")]
    id: String,
    url: String,
    description: String,
    kinds: Vec<String>,
    /// None: of all sellers.
    merchant_ids: Vec<Name>,
    per_second: Option<u32>,
    concurrency: u16,
    signing: SigningScheme,
    /// How many secrets it has had.
    secret_number: u32,
    /// Until when the secret before this one signs as well.
    previous_secret_until: Option<Time>,
    status: WebhookStatus,
    /// Null while it is told.
    disabled: Option<Disabled>,
    created_at: Time,
    changed_at: Time,
    links: WebhookLinks,
    /// What its receiver checks signatures with: `whsec_…`, or the public key, `whpk_…`. Only in
    /// the answer to the request that made it.
    #[schema(nullable = false)]
    secret: Option<String>,
}

/// Why an endpoint is not told.
#[derive(ToSchema)]
pub struct Disabled {
    /// What its receiver answered, or the words of whoever disabled it.
    reason: String,
    at: Time,
}

/// Where to go on.
#[derive(ToSchema)]
pub struct WebhookLinks {
    #[schema(rename = "self")]
    this: String,
    deliveries: String,
}

/// The endpoints.
#[derive(ToSchema)]
pub struct WebhookPage {
    webhooks: Vec<WebhookRow>,
}

/// How long the secret before the new one signs as well.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretOverlap {
    /// In seconds; a day when not named. 0: it ends now, because it is known to others.
    #[schema(minimum = 0, maximum = 604_800)]
    overlap_s: Option<u32>,
}

/// Why.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// For people.
    #[schema(max_length = 1024)]
    reason: Option<String>,
}

/// What to tell again.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayRange {
    /// What happened from then on (RFC 3339).
    #[schema(example = "2026-01-02T03:04:05Z")]
    since: String,
    /// And before then; up to now when not named.
    until: Option<String>,
    only: Option<ReplayOnly>,
}

/// Which of it.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum ReplayOnly {
    /// Everything, as when not named.
    All,
    /// What was given up on: its dead letters are sent again, oldest first, at most 10,000.
    Failed,
}

/// What will be told again.
#[derive(ToSchema)]
pub struct ReplayStarted {
    /// Changes of the log that are looked at again.
    changes: u64,
    /// Dead letters that are sent again.
    letters: u64,
    /// There were more than one replay covers: ask again from here. Null when there were not.
    rest_since: Option<Time>,
}

/// The last attempts to tell an endpoint.
#[derive(ToSchema)]
pub struct WebhookAttempts {
    attempts: Vec<WebhookAttempt>,
}

/// An attempt to tell an endpoint something.
#[derive(ToSchema)]
pub struct WebhookAttempt {
    at: Time,
    /// `webhook-id`: the same at every attempt.
    id: String,
    kind: String,
    order_id: Option<Name>,
    merchant_id: Option<Name>,
    /// From 1.
    attempt: u32,
    delivered: bool,
    /// Of the answer; null without one.
    status: Option<u16>,
    duration_ms: u64,
    /// Why it was not delivered.
    error: Option<String>,
}
