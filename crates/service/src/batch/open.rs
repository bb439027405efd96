//! What comes before a batch's first item: how far it is, its record in the ledger, its rules.

use std::io::{self, Read};
use std::sync::Arc;

use crate::change::Seq;
use crate::ledger::{Answer, BatchRules, Ledger, Request, Unavailable};
use crate::wire::rules::CompiledRules;

use super::run::{CHUNK_ITEMS, Error, Options};
use super::split::{Prefix, Splitter};
use super::state::{BatchState, BatchStatus, ContentHash};

/// Reads the first `bytes` of an input, or all where it is shorter: then the hash will not match.
pub(super) fn prefix(input: &mut impl Read, bytes: u64) -> io::Result<Prefix> {
    let (mut block, mut read) = (vec![0; 1 << 20], Prefix::default());
    while read.bytes < bytes {
        let left = usize::try_from(bytes - read.bytes).unwrap_or(usize::MAX);
        let want = block.len().min(left);
        match input.read(&mut block[..want]) {
            Ok(0) => break,
            Ok(got) => read.add(&block[..got]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

/// Cuts from `at` on, and remembers which orders stand before that.
pub(super) fn remembering<R: Read>(
    open: impl Fn() -> io::Result<R>,
    options: &Options,
    at: u64,
) -> io::Result<Splitter<R>> {
    let mut input = open()?;
    let read = prefix(&mut input, options.orders_at)?;
    let done = (&mut input).take(at.saturating_sub(options.orders_at));
    let mut earlier = Splitter::new(done, &options.format, read);
    while earlier.next(CHUNK_ITEMS)?.is_some() {}
    let earlier = earlier.without_input();
    Ok(Splitter::resume(input, earlier))
}

/// Opens the batch in the ledger, or opens it again.
pub(super) fn open_batch(
    ledger: &dyn Ledger,
    options: &Options,
    stored: Option<BatchState>,
) -> Result<BatchState, Error> {
    super::state::parse_metadata(&options.metadata).map_err(|_| Error::Metadata)?;
    let most = options.max_concurrency;
    let rules = match &stored {
        Some(stored) => stored.rules,
        None => options.rules.as_deref().map(|json| put_rules(ledger, json)).transpose()?,
    };
    let mut state = stored.unwrap_or_else(|| BatchState {
        id: options.id.clone(),
        status: BatchStatus::Running,
        reason: None,
        started_at: Default::default(),
        updated_at: Default::default(),
        counts: Default::default(),
        total: None,
        offset: 0,
        hash: ContentHash::default(),
        tolerance: options.tolerance,
        rules,
        max_concurrency: most,
        metadata: options.metadata.as_str().into(),
        spool: options.spool.as_deref().map(Into::into),
        previous: None,
        from: Seq(0),
    });
    state.status = BatchStatus::Running;
    state.reason = None;
    state.tolerance = options.tolerance;
    state.max_concurrency = most.or(state.max_concurrency);
    // What it goes on with is what a restart must find.
    state.spool = options.spool.as_deref().map(Into::into).or(state.spool);
    let answers = pollster::block_on(ledger.execute(vec![Request::Checkpoint(Box::new(state))]))?;
    match answers.into_iter().next() {
        Some(Answer::Batch(state)) => Ok(*state),
        Some(_) | None => Err(Error::Ledger(Unavailable::Closed)),
    }
}

fn put_rules(ledger: &dyn Ledger, json: &[u8]) -> Result<u64, Error> {
    let catalogue = ledger.catalogue();
    let exponent = catalogue.exponent;
    let mut rules = crate::wire::rules::parse(json, 0, exponent).map_err(Error::Rules)?;
    if rules.extend {
        rules = rules.extending(&catalogue.rules).map_err(Error::Rules)?;
    }
    let request = Request::PutRules { rules: Arc::new(rules), installed: false };
    match pollster::block_on(ledger.execute(vec![request]))?.first() {
        Some(Answer::Rules(version)) => Ok(*version),
        Some(_) | None => Err(Error::Ledger(Unavailable::Closed)),
    }
}

/// What prices the batch's orders: its own rules where it has some, and its metadata.
pub(crate) fn batch_rules(
    ledger: &dyn Ledger,
    state: &BatchState,
) -> Result<Option<Arc<BatchRules>>, Error> {
    let metadata = state.parsed_metadata().map_err(|_| Error::Metadata)?;
    let rules: Option<Arc<CompiledRules>> = match state.rules {
        Some(version) => ledger.rules(version)?,
        None => None,
    };
    let own = rules.is_some() || !metadata.is_empty();
    Ok(own.then(|| Arc::new(BatchRules { rules, metadata })))
}
