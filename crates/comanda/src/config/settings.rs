//! Every setting there is: its name, type, default and what it means, once.
//!
//! A line here is a key of the file, an environment variable, perhaps a flag, a line of
//! `comanda config show` and of `comanda config example`, and a field of [`Installation`]. To add
//! one, add a line; its type says what it takes (see `value`).

use std::net::SocketAddr;
use std::path::PathBuf;

use connectors::mail::Tls;
use connectors::reach::Plain;
use domain::id::MerchantId;
use domain::notice::Notice;
use domain::stock::{ShortagePolicy, UnknownSku};
use jiff::tz::TimeZone;
use service::wire::checks::Levels;
use service::wire::message::Lang;

use super::notify::{By, Host, Login, MailAddress, Several, To};
use super::place::{AccessKey, ArchiveUrl, BucketIn, QueueName, Region};
use super::step::{SigningSecret, StepName, When};
use super::table::settings;
use super::value::{
    Currency, Enabled, Endpoint, Filter, Folders, LogFormat, Merchants, Patterns, Secret,
    SqlListen, Within,
};
use super::webhooks::Networks;

settings! {
    /// Where the store is. Its settings belong to it: start it with the same ones every time.
    store: StorePlace {
        /// The store's folder. While a server holds it, commands talk to that server
        data_dir: PathBuf = "data/store", env "COMANDA_DATA_DIR", flag "data-dir";
        /// Below this many free megabytes on the store's disk nothing more is taken in
        min_free_mb: Within<0, 1_000_000_000> = "256", env "COMANDA_MIN_FREE_MB", flag "min-free-mb";
    }
    /// How orders are read.
    orders: Orders {
        /// The seller of orders that name none
        default_merchant: MerchantId = "default",
            env "COMANDA_DEFAULT_MERCHANT", flag "default-merchant";
        /// Time zone of dates without one
        time_zone: TimeZone = "America/Sao_Paulo", env "COMANDA_TIME_ZONE", flag "time-zone";
        /// ISO 4217 code of the currency
        currency: Currency = "BRL", env "COMANDA_CURRENCY", flag "currency";
        /// The language of those who ask for none of ours
        language: Lang = "en", env "COMANDA_LANGUAGE", flag "language";
    }
    /// What too little stock means.
    stock: StockPolicy {
        /// Orders that find too little: each product takes what it needs or waits (partial),
        /// nothing is taken until everything fits (ship-complete), or the order is rejected
        shortage: ShortagePolicy = "partial", env "COMANDA_SHORTAGE", flag "shortage";
        /// A product without stock record: untracked while its seller has none at all and
        /// backordered afterwards (by-merchant), or always one of the others
        unknown_sku: UnknownSku = "by-merchant", env "COMANDA_UNKNOWN_SKU", flag "unknown-sku";
    }
    /// What is kept of documents, and who sees them.
    documents: Documents {
        /// How long a link to an order's document lasts, in seconds; it needs no API key
        link_s: Within<1, 604_800> = "900", env "COMANDA_DOCUMENTS_LINK_S";
        /// Invalid documents of one source (an API key, or a network) that are recorded one by
        /// one a minute; more are counted, and recorded as one sum
        invalid_records: Within<0, 1_000> = "60", env "COMANDA_DOCUMENTS_INVALID_RECORDS";
        /// Bytes of invalid documents of one source that are kept a minute; of more only what is
        /// wrong with them, their hash and their length
        invalid_bytes: Within<0, 4_194_304> = "262144", env "COMANDA_DOCUMENTS_INVALID_BYTES";
        /// For how many days documents of invalid input are shown
        invalid_days: Within<0, 36_500> = "90", env "COMANDA_DOCUMENTS_INVALID_DAYS";
    }
    /// What one server bears.
    server: Server {
        /// Where to listen; beyond loopback API keys are required (flag of `serve`: --listen)
        listen: SocketAddr = "127.0.0.1:8080", env "COMANDA_LISTEN";
        /// Most connections; further ones wait to be accepted
        connections_max: Within<1, 1_000_000> = "10000", env "COMANDA_SERVER_CONNECTIONS_MAX";
        /// Requests per second of one client (an API key, or an address); 0 is unlimited.
        /// Clients on the loopback interface without a key are never limited
        rate_per_second: Within<0, 10_000_000> = "50000", env "COMANDA_SERVER_RATE_PER_SECOND";
        /// Requests one client may send at once after being quiet
        rate_burst: Within<1, 10_000_000> = "100000", env "COMANDA_SERVER_RATE_BURST";
        /// Longest a request may take, in seconds; streamed batches and results excepted
        request_s: Within<1, 600> = "30", env "COMANDA_SERVER_REQUEST_S";
        /// Longest a client may take over a request's head, and idle between two, in seconds
        header_s: Within<1, 600> = "30", env "COMANDA_SERVER_HEADER_S";
        /// Largest batch that is taken in, in bytes; more is 413
        batch_bytes_max: Within<1_024, 1_099_511_627_776> = "8589934592",
            env "COMANDA_SERVER_BATCH_BYTES_MAX";
        /// Longest a batch's body may make no progress, in seconds
        batch_idle_s: Within<1, 3_600> = "60", env "COMANDA_SERVER_BATCH_IDLE_S";
        /// Longest a shutdown waits for requests that were accepted, in seconds
        shutdown_s: Within<0, 600> = "30", env "COMANDA_SERVER_SHUTDOWN_S";
    }
    /// A folder that files of orders are dropped into while a server runs.
    inbox: InboxFolder {
        /// The folder; without one nothing is watched
        dir: Option<PathBuf> = "", env "COMANDA_INBOX", flag "inbox";
        /// Which files, by name or by path below the folder
        patterns: Patterns = "*.csv, *.tsv, *.json, *.jsonl, *.ndjson",
            env "COMANDA_INBOX_PATTERNS";
        /// Whether folders in it are looked into (nested), or not (flat)
        folders: Folders = "nested", env "COMANDA_INBOX_FOLDERS";
        /// How long a file must not have changed, in milliseconds, so that it counts as whole;
        /// one that was renamed after it was written is taken at once
        settle_ms: Within<0, 3_600_000> = "2000", env "COMANDA_INBOX_SETTLE_MS";
        /// How often the folder is looked at, in milliseconds
        poll_ms: Within<10, 3_600_000> = "500", env "COMANDA_INBOX_POLL_MS";
        /// A file with a greater percentage of failed orders is rejected, and taken no further
        tolerated_failure_percentage: Option<Within<0, 100>> = "",
            env "COMANDA_INBOX_TOLERATED_FAILURE_PERCENTAGE";
    }
    /// Who may be told of what by webhook; the endpoints themselves are added over the API.
    webhooks: WebhookSettings {
        /// Networks beside the public internet that endpoints may be in, such as
        /// `10.1.0.0/16, 127.0.0.0/8`: whoever adds endpoints reaches everything there
        allow_networks: Networks = "", env "COMANDA_WEBHOOKS_ALLOW_NETWORKS";
        /// Whether an endpoint may go without TLS (allowed), or not (refused) unless its address is
        /// one of those networks
        plain_http: Plain = "refused", env "COMANDA_WEBHOOKS_PLAIN_HTTP";
        /// Longest one message to an endpoint may take, in seconds
        timeout_s: Within<1, 60> = "20", env "COMANDA_WEBHOOKS_TIMEOUT_S";
    }
    /// Where documents of orders are kept besides, byte for byte: an object store, or a folder.
    archive: ArchiveStore {
        /// The bucket or the folder; nothing is archived without one. With one, everything is,
        /// beginning with the oldest order
        url: Option<ArchiveUrl> = "", env "COMANDA_ARCHIVE_URL";
        /// Where the store answers, when it is not AWS's; http:// is without TLS
        endpoint: Option<Endpoint> = "", env "COMANDA_ARCHIVE_ENDPOINT";
        /// Where a bucket's name stands: in the path (endpoint/bucket) or in the host's name. By
        /// default in the path where an endpoint is set, in the host's name at AWS
        bucket_in: Option<BucketIn> = "", env "COMANDA_ARCHIVE_BUCKET_IN";
        /// The store's region; else AWS_REGION, else us-east-1
        region: Option<Region> = "", env "COMANDA_ARCHIVE_REGION";
        /// The id of an access key; without one AWS's environment is asked: AWS_ACCESS_KEY_ID, the
        /// role of a container, of a pod, of the machine
        access_key: Option<AccessKey> = "", env "COMANDA_ARCHIVE_ACCESS_KEY";
        /// Its secret
        secret_key: Option<Secret> = "", env "COMANDA_ARCHIVE_SECRET_KEY";
        /// Most documents under way at once
        concurrency: Within<1, 256> = "16", env "COMANDA_ARCHIVE_CONCURRENCY";
    }
    /// What statements in SQL may take, all of them together where nothing else is said.
    sql: Statements {
        /// Memory in megabytes; what does not fit is put aside on disk, at most 4 GB
        memory_mb: Within<16, 1_048_576> = "512", env "COMANDA_SQL_MEMORY_MB";
        /// Longest one statement may take, reading its answer included, in seconds
        timeout_s: Within<1, 86_400> = "60", env "COMANDA_SQL_TIMEOUT_S";
        /// Most rows of an answer in JSON that does not say; other forms are streams of any length
        rows_max: Within<1, 1_000_000_000> = "100000", env "COMANDA_SQL_ROWS_MAX";
        /// Most statements at once
        concurrency: Within<1, 64> = "4", env "COMANDA_SQL_CONCURRENCY";
        /// Where PostgreSQL's clients are listened for, or `off`; beyond loopback API keys are
        /// required (flag of `serve`: --sql-listen). When not given, 127.0.0.1:5439 if it is free
        listen: Option<SqlListen> = "", env "COMANDA_SQL_LISTEN";
    }
    /// Tables of what the log says, as Parquet files that SQL and other tools read.
    lake: LakeStore {
        /// Whether there is one
        enabled: Enabled = "yes", env "COMANDA_LAKE";
        /// The bucket or the folder, which no other store may share; the folder `lake` of the store's
        /// own when not given
        url: Option<ArchiveUrl> = "", env "COMANDA_LAKE_URL";
        /// Where the store answers, when it is not AWS's; http:// is without TLS
        endpoint: Option<Endpoint> = "", env "COMANDA_LAKE_ENDPOINT";
        /// Where a bucket's name stands: in the path (endpoint/bucket) or in the host's name. By
        /// default in the path where an endpoint is set, in the host's name at AWS
        bucket_in: Option<BucketIn> = "", env "COMANDA_LAKE_BUCKET_IN";
        /// The store's region; else AWS_REGION, else us-east-1
        region: Option<Region> = "", env "COMANDA_LAKE_REGION";
        /// The id of an access key; without one AWS's environment is asked: AWS_ACCESS_KEY_ID, the
        /// role of a container, of a pod, of the machine
        access_key: Option<AccessKey> = "", env "COMANDA_LAKE_ACCESS_KEY";
        /// Its secret
        secret_key: Option<Secret> = "", env "COMANDA_LAKE_SECRET_KEY";
        /// After how many seconds rows are in files; SQL sees them within one
        flush_s: Within<1, 3_600> = "10", env "COMANDA_LAKE_FLUSH_S";
        /// Or after how many megabytes of them; about twice as much is memory at most
        flush_mb: Within<1, 4_096> = "128", env "COMANDA_LAKE_FLUSH_MB";
        /// Days older than so many are dropped from it, and stay in the log; none is, where it is 0
        keep_days: Within<0, 36_500> = "0", env "COMANDA_LAKE_KEEP_DAYS";
    }
    /// Which server commands talk to, where it is not found by the store.
    client: Connection {
        /// Talk to this server instead of opening a store
        server: Option<Endpoint> = "", env "COMANDA_SERVER", flag "server";
        /// API key for a server that asks for one
        api_key: Option<Secret> = "", env "COMANDA_API_KEY", flag "api-key";
    }
    /// What is logged, to standard error.
    log: Log {
        /// error, warn, info, debug, trace, or a filter such as `info,web=debug`
        level: Filter = "info", env "COMANDA_LOG", flag "log";
        /// For people (text) or for machines (json): one object a line
        format: LogFormat = "text", env "COMANDA_LOG_FORMAT", flag "log-format";
    }
    /// Alerts that letters are dead: deliveries, steps, lines of files, messages that could not be
    /// seen through. The first is told at once, then how many there are, once in so many minutes.
    alerts: Alerting {
        /// At most one alert in so many minutes; none at all where it is 0
        every_minutes: Within<0, 1_440> = "0", env "COMANDA_ALERTS_EVERY_MINUTES";
        /// Where they are posted to as JSON, beside the log
        webhook: Option<Endpoint> = "", env "COMANDA_ALERTS_WEBHOOK";
        /// Whom they are mailed to, beside the log, by the server of `[email]`
        to: Option<MailAddress> = "", env "COMANDA_ALERTS_TO";
    }
    /// Traces of requests, for a collector that speaks OTLP over HTTP (port 4318 by custom).
    telemetry: Telemetry {
        /// The collector, such as http://127.0.0.1:4318; nothing is traced without one
        otlp_endpoint: Option<Endpoint> = "", env "COMANDA_OTLP_ENDPOINT";
        /// Of a hundred requests without a trace of their caller's, how many are traced; those with
        /// one (`traceparent`) are traced when the caller's trace is kept
        sample_percent: Within<0, 100> = "100", env "COMANDA_SAMPLE_PERCENT";
    }
    /// The mail server that notices are handed to (`[[notify]]` says which). `comanda notify test`
    /// tries it.
    email: Email {
        /// The server; without one no e-mail is sent
        host: Option<Host> = "", env "COMANDA_EMAIL_HOST";
        /// Its port; when not given, that of `tls`: 587, 465 or 25
        port: Option<Within<1, 65_535>> = "", env "COMANDA_EMAIL_PORT";
        /// From STARTTLS on (starttls), from the first byte (implicit), or not at all (plain),
        /// for a server on the same machine
        tls: Tls = "starttls", env "COMANDA_EMAIL_TLS";
        /// A file of certificates (PEM) to trust besides the web's and the machine's authorities
        ca_file: Option<PathBuf> = "", env "COMANDA_EMAIL_CA_FILE";
        /// Who logs in, at servers that ask for it
        username: Option<Login> = "", env "COMANDA_EMAIL_USERNAME";
        /// With which password
        password: Option<Secret> = "", env "COMANDA_EMAIL_PASSWORD";
        /// Whom messages are from
        from: Option<MailAddress> = "", env "COMANDA_EMAIL_FROM";
        /// Who gets answers to them, where that is somebody else
        reply_to: Option<MailAddress> = "", env "COMANDA_EMAIL_REPLY_TO";
        /// Longest one message may take, in seconds
        timeout_s: Within<1, 300> = "30", env "COMANDA_EMAIL_TIMEOUT_S";
        /// Most messages a second
        per_second: Within<1, 1_000> = "10", env "COMANDA_EMAIL_PER_SECOND";
        /// Most messages under way at once, each on a connection of its own
        concurrency: Within<1, 64> = "4", env "COMANDA_EMAIL_CONCURRENCY";
    }
    whole
    /// How bad rules of documents are: error (not taken), warn (taken, and said), off.
    checks: Levels = "{}", env "COMANDA_CHECKS";
    whole
    /// What is different for single sellers, by their merchant id.
    merchants: Merchants = "{}", env "COMANDA_MERCHANTS";
    rows
    /// Checks by other systems (fraud, payment, an ERP) that an order passes one after another
    /// before stock is looked for. Each is an HTTP call: POST of a CloudEvent. 2xx approves, unless
    /// its body is `{"approved": false, "reason": "…"}`; 4xx refuses; else it is called again.
    steps: StepCall, at most 16, env "COMANDA_STEPS" {
        /// What it is called: in an order's history, in metrics, and in the settings
        name: StepName, such as "fraud";
        /// Where it is called
        url: Endpoint, such as "https://checks.example/fraud";
        /// Which orders it is for: all of them when empty. Amounts are in minor units
        when: Option<When> = "";
        /// Longest one call may take, in milliseconds
        timeout_ms: Within<100, 60_000> = "5000";
        /// How often it is called for one order; then the order is FAILED, and in the dead letters
        max_attempts: Within<1, 50> = "8";
        /// Signs each call (Standard Webhooks, HMAC-SHA256); none is signed without one
        secret: Option<SigningSecret> = "";
        /// Most calls under way at once
        concurrency: Within<1, 256> = "16";
        /// Most calls a second
        per_second: Option<Within<1, 100_000>> = "";
    }
    rows
    /// Who is told of what. Of one transition of an order (or one batch, or some minutes' invalid
    /// input) each recipient hears once, however many rules say so. Webhooks subscribe by
    /// themselves, to the same kinds, at /v1/webhooks.
    notify: NotifyRule, at most 32, env "COMANDA_NOTIFY" {
        /// What is told
        on: Several<Notice>, such as "order.completed, order.cancelled";
        /// How: by e-mail (email), or by a line of the log without personal data (log); when not
        /// given, by e-mail if there is somebody to write to
        channel: Option<By> = "";
        /// Whom e-mails are for
        to: Option<Several<To>> = "";
        /// In which language; when not given, the customer's if the order says (`language`), else
        /// orders.language
        language: Option<Lang> = "";
        /// Of which sellers; of all when not given
        merchants: Option<Several<MerchantId>> = "";
        /// For how many minutes invalid input (order.invalid) is gathered up into one message. What
        /// is wrong with a batch is told by batch.finished
        every_minutes: Within<1, 1_440> = "5";
    }
    rows
    /// Queues that orders come from (Amazon SQS, or what speaks its protocol). A message holds one
    /// order, an array of orders or JSON Lines, and is deleted when they are on disk.
    queues: QueueIntake, at most 16, env "COMANDA_QUEUES" {
        /// What it is called: in metrics, in records of invalid messages, and in the settings
        name: QueueName, such as "orders";
        /// The queue's address
        url: Endpoint, such as "https://sqs.sa-east-1.amazonaws.com/123456789012/orders";
        /// Where requests go, when not where the address leads; http:// is without TLS
        endpoint: Option<Endpoint> = "";
        /// The region; else the address's, else AWS_REGION, else us-east-1
        region: Option<Region> = "";
        /// The id of an access key; without one AWS's environment is asked, as in `[archive]`
        access_key: Option<AccessKey> = "";
        /// Its secret
        secret_key: Option<Secret> = "";
        /// Calls that receive, and that delete, at once
        receivers: Within<1, 16> = "1";
        /// Most messages that are held at once, a message being at most 1 MiB
        in_flight: Within<1, 1_000> = "100";
        /// For how long a message that was handed out is hidden from others, in seconds; it is
        /// hidden for longer while it is worked on
        visibility_s: Within<1, 43_200> = "60";
        /// A message that was handed out more often is recorded as invalid, and deleted
        max_receives: Within<1, 1_000> = "10";
    }
}
