//! Drives a call: read, decide, write under conditions, and decide again where they did not hold.
//!
//! A call that does not fit one transaction is done in parts, each over what the ones before have
//! written; a request that alone does not fit is a commit in several pages.
//!
//! Never: a wait without an end. Who has lost too many races is told that there is too much to do.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::id::StockKey;
use domain::order::Body;
use service::ledger::{Answer, Request, Unavailable};
use service::prepare::{Prepared, prepare};
use service::serial::{Call, Carried, Layers, Serial};
use service::view::Read;

use super::door::Failed;
use super::item::seq;
use super::named::{Named, cut};
use super::plan::{Asked, Plan, plan};
use super::rows::Rows;
use super::{Intake, Releases, Shared, allocation, catalogue, commit, keys, position, staged};

/// Most times that a call is decided. The waits between come to some seconds.
const TRIES_MAX: u32 = 30;
/// Longest wait before the next try, in milliseconds.
const WAIT_MS_MAX: u64 = 400;
/// What is decided at once.
enum Work<'a> {
    /// A call that is whole.
    Call(&'a [Request]),
    /// A part of a call, and what the ones before came to. With the whole call where it is the
    /// first, which may be of a batch that takes no more items.
    Part(&'a [Request], Carried, Option<&'a [Request]>),
    /// Free stock of a product is given out, from where that stands.
    Release(&'a StockKey),
}

/// What became of it.
enum Done {
    /// It is written; with the products that have free stock to give out now.
    Written(Vec<Answer>, Carried, BTreeSet<StockKey>),
    /// It is more than one transaction: to be cut.
    TooMuch,
    /// Its batch takes no more items: nothing was done.
    Closed(Answer),
    /// There was nothing to do.
    Nothing,
}

/// Why a try came to nothing.
enum Lost {
    /// A row changed, or is locked by a commit that is not decided: try again.
    Race,
    /// It stands too low in the log: try again, above.
    TooLow,
    /// It cannot be done.
    Cannot(Unavailable),
}

impl From<Unavailable> for Lost {
    fn from(error: Unavailable) -> Self {
        Self::Cannot(error)
    }
}

impl Shared {
    /// Does the requests, in order; answers them after they are written.
    pub(super) fn execute(&self, requests: &[Request]) -> Result<Vec<Answer>, Unavailable> {
        if requests.is_empty() {
            return Ok(Vec::new());
        }
        let mut free = BTreeSet::new();
        let answers = self.call(requests, &mut free)?;
        match self.settings.releases {
            Releases::Here => self.give_out(free),
            Releases::Elsewhere => {}
        }
        Ok(answers)
    }

    fn call(
        &self,
        requests: &[Request],
        free: &mut BTreeSet<StockKey>,
    ) -> Result<Vec<Answer>, Unavailable> {
        let mut some = cut(requests);
        if some == requests.len() {
            match self.work(&Work::Call(requests))? {
                Done::Written(answers, _, freed) => {
                    free.extend(freed);
                    return Ok(answers);
                }
                Done::TooMuch | Done::Closed(_) | Done::Nothing => some = requests.len() / 2,
            }
        }
        let (mut answers, mut carried) = (Vec::with_capacity(requests.len()), Carried::default());
        let mut rest = requests;
        while !rest.is_empty() {
            let (part, others) = rest.split_at(some.clamp(1, rest.len()));
            let whole = answers.is_empty().then_some(requests);
            match self.work(&Work::Part(part, carried, whole))? {
                Done::Written(own, now, freed) => {
                    answers.extend(own);
                    free.extend(freed);
                    (carried, rest) = (now, others);
                    some = cut(rest);
                }
                Done::TooMuch => some = part.len() / 2,
                Done::Closed(answer) => return Ok(vec![answer; requests.len()]),
                Done::Nothing => return Err(Unavailable::Closed),
            }
        }
        Ok(answers)
    }

    /// Gives out what has become free. What is left undone is on record, for whoever comes next.
    fn give_out(&self, mut free: BTreeSet<StockKey>) {
        let mut steps = 0;
        while let Some(key) = free.pop_first() {
            match self.release_step(&key) {
                Ok(Some(freed)) => free.extend(freed),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "free stock is left for later");
                    return;
                }
            }
            steps += 1;
            if steps == super::DynamoLedger::RELEASE_STEPS_MAX {
                return;
            }
        }
    }

    /// Gives out free stock of one product; `true` when there is more to do.
    pub(super) fn release(&self, key: &StockKey) -> Result<bool, Unavailable> {
        for _ in 0..super::DynamoLedger::RELEASE_STEPS_MAX {
            match self.release_step(key)? {
                Some(freed) if freed.contains(key) => {}
                Some(_) | None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// One step of it; the products that have free stock to give out afterwards.
    fn release_step(&self, key: &StockKey) -> Result<Option<BTreeSet<StockKey>>, Unavailable> {
        match self.work(&Work::Release(key))? {
            Done::Written(_, _, freed) => Ok(Some(freed)),
            Done::TooMuch | Done::Closed(_) | Done::Nothing => Ok(None),
        }
    }

    /// Tries until it is done, or too often.
    fn work(&self, work: &Work<'_>) -> Result<Done, Unavailable> {
        let (mut above, mut races) = (0, 0);
        for _ in 0..TRIES_MAX {
            let rows = self.rows();
            let done = self.attempt(&rows, work, above, races);
            above = above.max(rows.highest());
            match done {
                Ok(done) => return Ok(done),
                Err(Lost::Cannot(error)) => return Err(error),
                Err(Lost::TooLow) => {}
                Err(Lost::Race) => {
                    races += 1;
                    self.conflicts.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    self.help(&rows);
                    self.pause(races);
                }
            }
        }
        Err(Unavailable::Full)
    }

    /// Takes commits that are in the way to their end.
    fn help(&self, rows: &Rows<'_>) {
        for commit in rows.met() {
            let now = (self.settings.clock)();
            if let Err(error) = staged::help(&self.door, &commit, now) {
                tracing::debug!(?error, "commit {commit} could not be ended");
            }
        }
    }

    /// Waits a while before the next try, by chance and longer each time.
    fn pause(&self, races: u32) {
        let most = (4_u64 << races.min(8)).min(WAIT_MS_MAX);
        std::thread::sleep(Duration::from_millis((self.settings.random)() % most));
    }

    fn attempt(
        &self,
        rows: &Rows<'_>,
        work: &Work<'_>,
        above: u64,
        races: u32,
    ) -> Result<Done, Lost> {
        let requests = match work {
            Work::Call(requests) | Work::Part(requests, ..) => requests,
            Work::Release(_) => &[][..],
        };
        let named = Named::of(requests);
        self.read(rows, &named, work)?;
        let loaded = self.refreshed(rows)?;
        let mut releases = Vec::new();
        if let Work::Release(key) = work {
            let Some(row) = rows.row(&keys::release(key))? else { return Ok(Done::Nothing) };
            releases.push(((*key).clone(), seq(&row, "passed")?));
        }
        let mut serial = Serial::new(self.settings.serial.clone());
        let keepers = self.keepers(rows, &named, work)?;
        let whole = service::catalogue::Catalogue::clone(&loaded.catalogue);
        serial.load(whole, loaded.rules_version, keepers, releases);
        let random = (self.settings.random)();
        let above = above.max(rows.highest());
        let (now, position) = self.positions.begin((self.settings.clock)(), random, above);
        let call = self.prepared(requests, &loaded.catalogue, now, races);
        let layers = Layers::default();
        let (answers, carried) = match work {
            Work::Call(_) => {
                let step = serial.decide(now, position, &[call], &layers, rows)?;
                (step.answers.into_iter().next().unwrap_or_default(), Carried::default())
            }
            Work::Part(_, carried, whole) => {
                if let Some(closed) = self.closed(&mut serial, *whole, rows)? {
                    return Ok(Done::Closed(closed));
                }
                let mut carried = *carried;
                let part = serial.decide_part(now, position, &call, &mut carried, &layers, rows)?;
                (part, carried)
            }
            Work::Release(_) => {
                serial.decide(now, position, &[], &layers, rows)?;
                (Vec::new(), Carried::default())
            }
        };
        let freed = serial.overlay().releases.iter();
        let freed: BTreeSet<StockKey> =
            freed.filter(|(_, next)| next.is_some()).map(|(key, _)| key.clone()).collect();
        let Some(frame) = serial.frame().map(<[u8]>::to_vec) else {
            return Ok(Done::Written(answers, carried, freed));
        };
        let end = position + frame.len() as u64;
        self.positions.ended(end);
        let releasing = if let Work::Release(key) = work { Some(*key) } else { None };
        let asked = Asked { only_takes: !named.is_other && releasing.is_none(), releasing, random };
        let plan = plan(rows, serial.overlay(), &frame, position, asked)?;
        if rows.highest() > position {
            return Err(Lost::TooLow);
        }
        if !rows.met().is_empty() {
            return Err(Lost::Race);
        }
        if requests.len() > 1 && !commit::is_one(&plan) {
            return Ok(Done::TooMuch);
        }
        self.write(plan, random)?;
        self.committed(&mut serial, &loaded, end);
        Ok(Done::Written(answers, carried, freed))
    }

    /// Reads at once what the requests are sure to need.
    fn read(&self, rows: &Rows<'_>, named: &Named, work: &Work<'_>) -> Read<()> {
        let mut wanted = named.keys.clone();
        wanted.push(keys::catalogue());
        let shards = 0..self.shape.stock_shards;
        let counters = |key: &StockKey| {
            shards.clone().map(|shard| keys::shard(key, shard)).collect::<Vec<_>>()
        };
        wanted.extend(named.stock.iter().flat_map(counters));
        let known = self.keeps_stock.lock();
        let unknown = named.merchants.iter().filter(|merchant| !known.contains(*merchant));
        wanted.extend(unknown.map(keys::keeps_stock));
        drop(known);
        if let Work::Release(key) = work {
            wanted.push(keys::release(key));
            wanted.extend(counters(key));
        }
        rows.fetch(wanted)
    }

    /// The sellers among those named that have a record of stock.
    fn keepers(
        &self,
        rows: &Rows<'_>,
        named: &Named,
        work: &Work<'_>,
    ) -> Read<Vec<domain::id::MerchantId>> {
        let mut keepers = Vec::new();
        let of_release = if let Work::Release(key) = work { Some(&key.merchant) } else { None };
        for merchant in named.merchants.iter().chain(of_release) {
            let is_known = self.keeps_stock.lock().contains(merchant);
            if is_known || catalogue::keeps_stock(rows, merchant)? {
                // Who has kept stock once keeps it: that need not be read again.
                self.keeps_stock.lock().insert(merchant.clone());
                keepers.push(merchant.clone());
            }
        }
        Ok(keepers)
    }

    fn prepared(
        &self,
        requests: &[Request],
        catalogue: &service::catalogue::Catalogue,
        now: domain::time::Timestamp,
        races: u32,
    ) -> Call {
        let defers = match self.settings.intake {
            Intake::Deferred => true,
            Intake::AtOnce { races: Some(most) } => races >= most,
            Intake::AtOnce { races: None } => false,
        };
        let ready = |request: &Request| {
            let mut prepared = prepare(request.clone(), catalogue, now, self.shape.exponent);
            if defers {
                defer(&mut prepared);
            }
            prepared
        };
        requests.iter().map(ready).collect()
    }

    /// What every request of a call is answered with whose batch takes no more items.
    fn closed(
        &self,
        serial: &mut Serial,
        whole: Option<&[Request]>,
        rows: &Rows<'_>,
    ) -> Read<Option<Answer>> {
        let Some(whole) = whole else { return Ok(None) };
        let asked = whole.iter().map(|request| match request {
            // Only which item it is is asked for, and that an order has without its price.
            Request::Receive(receive) => {
                Prepared::Other(Request::Amend(Box::new(service::ledger::Amend {
                    order: receive.order.clone(),
                    document: receive.document.clone(),
                    warnings: Vec::new(),
                    batch: receive.batch.clone(),
                    revision: None,
                })))
            }
            other => Prepared::Other(other.clone()),
        });
        let asked: Call = asked.collect();
        let closed = serial.closes(&asked, &Layers::default(), rows)?;
        Ok(closed.map(Answer::Batch))
    }

    fn write(&self, plan: Plan, random: u64) -> Result<(), Lost> {
        if self.is_late(plan.position) {
            return Err(Lost::Race);
        }
        let id = format!("{:016x}{:08x}", plan.position, random >> 32);
        let written = if commit::is_one(&plan) {
            commit::at_once(&self.door, plan, id)
        } else {
            let position = plan.position;
            let staging = i64::try_from(self.settings.staging.as_micros()).unwrap_or(i64::MAX);
            let now = (self.settings.clock)().0;
            let expires = domain::time::Timestamp(now.saturating_add(staging));
            staged::write(&self.door, plan, &id, expires, &|| self.is_late(position))
        };
        written.map_err(|failed| match failed {
            Failed::Conflict => Lost::Race,
            Failed::Unknown(_) | Failed::Refused(_) => {
                if let Failed::Unknown(why) | Failed::Refused(why) = &failed {
                    tracing::warn!(why, "a commit did not come to pass, as far as is known");
                }
                Lost::Cannot(failed.into())
            }
        })
    }

    /// Whether followers may soon be shown what stands behind it.
    fn is_late(&self, position: u64) -> bool {
        let settle = u64::try_from(self.settings.settle.as_millis()).unwrap_or(u64::MAX);
        let now = u64::try_from((self.settings.clock)().0).unwrap_or_default() / 1_000;
        settle > 0 && now.saturating_sub(position::begun_ms(position)) > settle / 2
    }

    /// What was written is so: the catalogue need not be read again for what changed it here.
    fn committed(&self, serial: &mut Serial, before: &catalogue::Loaded, end: u64) {
        let overlay = serial.overlay();
        let is_same = overlay.products.is_empty()
            && overlay.customers.is_empty()
            && overlay.endpoints.is_empty()
            && overlay.rules.is_empty();
        if is_same {
            return;
        }
        serial.commit(&mut Layers::default());
        let mut whole = service::catalogue::Catalogue::clone(&serial.catalogue());
        whole.version = end;
        let loaded = catalogue::Loaded {
            version: end,
            rules_version: serial.rules_version().max(before.rules_version),
            catalogue: std::sync::Arc::new(whole),
        };
        self.know(loaded, (self.settings.clock)());
    }
}

/// Lets an order wait for stock to be looked for.
fn defer(prepared: &mut Prepared) {
    match prepared {
        Prepared::Receive(order) => match &order.command.order.body {
            Body::Purchase(_) => order.command.steps.push(allocation()),
            Body::Transfer(_) => {} // has no stock
        },
        Prepared::Once(once) => defer(&mut once.request),
        Prepared::Settle(settle) => settle.with.iter_mut().for_each(defer),
        Prepared::Unpriceable(_) | Prepared::Other(_) => {}
    }
}
