//! Proves the invariants on a store: everything is read again from the log and compared with
//! what the store says.

use domain::event::Event;
use domain::evolve::evolve;
use domain::id::StockKey;
use domain::pricing::{Pricing, Target};
use domain::state::{Claim, OrderState, Status};
use domain::stock::{Movement, Stock};
use domain::time::Timestamp;
use hashbrown::HashMap;
use service::batch::Counts;
use service::change::{Change, Seq, What, decode};
use service::ledger::{By, Ledger, Unavailable, seen};
use service::letters::Filter;
use service::serial::item_of;
use service::view::{Direction, Waiting};

use crate::{Engine, log};

/// Most faults listed of one kind; the rest are of the same.
const FAULTS_MAX: usize = 20;

/// What was found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Every check.
    pub checks: Vec<Check>,
}

/// What is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Every record of the log is whole.
    Records,
    /// Every order is there once, under its id.
    Originals,
    /// Every order's state is the fold of its changes.
    States,
    /// Lines, rules and totals add up to the cent.
    Money,
    /// Counters equal the stock ledger's sums, none oversold.
    Stock,
    /// Who waits for stock stands in its queue, once.
    Queues,
    /// Lists of orders and of invalid input are complete.
    Lists,
    /// Every batch's checkpoint counts the items that are there.
    Batches,
    /// Every dead letter is filed, open or ended as the log says, and ended once.
    Letters,
    /// How far each follower is can be read, and is a change in the log.
    Followers,
}

impl Proof {
    /// What it says of a sound store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Records => "every record of the log is whole",
            Self::Originals => "every order is there once, under its id",
            Self::States => "every order's state is the fold of its changes",
            Self::Money => "lines, rules and totals add up to the cent",
            Self::Stock => "counters equal the stock ledger's sums, none oversold",
            Self::Queues => "who waits for stock stands in its queue, once",
            Self::Lists => "lists of orders and of invalid input are complete",
            Self::Letters => "every dead letter is filed, and ended once at most",
            Self::Batches => "every batch's checkpoint counts the items that are there",
            Self::Followers => "how far each follower is can be read, and is a change in the log",
        }
    }
}

/// One check.
#[derive(Debug)]
pub struct Check {
    /// What was proved.
    pub proof: Proof,
    /// How many things were looked at.
    pub looked_at: u64,
    /// What was found wrong, the first few.
    pub faults: Vec<String>,
}

impl Check {
    pub(crate) fn new(proof: Proof) -> Self {
        Self { proof, looked_at: 0, faults: Vec::new() }
    }

    pub(crate) fn look(&mut self, sound: bool, fault: impl FnOnce() -> String) {
        self.looked_at += 1;
        if !sound && self.faults.len() < FAULTS_MAX {
            self.faults.push(fault());
        }
    }
}

impl Findings {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.checks.iter().all(|check| check.faults.is_empty())
    }
}

/// What the log comes to.
struct Examination<'a> {
    engine: &'a Engine,
    originals: Check,
    states: Check,
    money: Check,
    changed: HashMap<Seq, OrderState>,
    stock: HashMap<StockKey, Stock>,
    statuses: HashMap<Status, u64>,
    orders: u64,
    inputs: u64,
    batches: HashMap<domain::id::BatchId, Counts>,
    letters: HashMap<Seq, Option<Seq>>,
    ends: Check,
}

impl Engine {
    /// Reads the whole log, and compares what it comes to with what the store says.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when something cannot be read at all.
    pub fn examine(&self) -> Result<Findings, Unavailable> {
        let mut examination = Examination {
            engine: self,
            originals: Check::new(Proof::Originals),
            states: Check::new(Proof::States),
            money: Check::new(Proof::Money),
            changed: HashMap::new(),
            stock: HashMap::new(),
            statuses: HashMap::new(),
            orders: 0,
            inputs: 0,
            batches: HashMap::new(),
            letters: HashMap::new(),
            ends: Check::new(Proof::Letters),
        };
        let mut records = Check::new(Proof::Records);
        let scanned = self.log.scan(0, self.log.end(), |seq, body| {
            let change = decode(&body).map_err(|_| log::Error::Damaged { at: seq.0 })?;
            records.look(true, String::new);
            examination.change(seq, &change).map_err(Stop::Read)?;
            Ok::<_, Stop>(true)
        });
        match scanned {
            Ok(_) => {}
            Err(Stop::Log(error)) => records.look(false, || error.to_string()),
            Err(Stop::Read(error)) => return Err(error),
        }
        let mut findings = Findings { checks: vec![records] };
        examination.conclude(&mut findings)?;
        Ok(findings)
    }
}

enum Stop {
    Log(log::Error),
    Read(Unavailable),
}

impl From<log::Error> for Stop {
    fn from(error: log::Error) -> Self {
        Self::Log(error)
    }
}

impl Examination<'_> {
    fn change(&mut self, seq: Seq, change: &Change) -> Result<(), Unavailable> {
        if let Some(item) = item_of(&change.what) {
            self.item(&item.batch, &change.what);
        }
        match &change.what {
            What::Order { key, first: None, events, .. } => {
                let found = seen(self.engine, |view| view.seq_of(key))?;
                self.orders += 1;
                self.originals.look(found == Some(seq), || {
                    format!("{key:?} began at {}, the store says {found:?}", seq.0)
                });
                self.began(key, change.at, events);
            }
            What::Order { first: Some(first), events, .. } => {
                self.went_on(*first, change.at, events)?;
            }
            What::Stock { stock, on_hand, .. } => {
                self.moved(stock.clone(), Movement { on_hand: *on_hand, ..Movement::default() });
            }
            What::Audit(audit) => {
                self.inputs += 1;
                if audit.batch.is_some() {
                    self.buried(seq);
                }
            }
            What::Flood(_) => self.inputs += 1,
            What::Letter(_) => self.buried(seq),
            What::Settled(settled) => {
                let known = self.letters.insert(settled.letter, Some(seq));
                self.ends.look(known == Some(None), || {
                    format!("letter {} ends at {}, it was {known:?}", settled.letter.0, seq.0)
                });
            }
            What::Stray(_)
            | What::Released { .. }
            | What::Products(_)
            | What::Customer(_)
            | What::Rules { .. }
            | What::Endpoint(_)
            | What::Replay(_)
            | What::Kept(_)
            | What::Batch(_)
            | What::Sweep(_) => {}
        }
        Ok(())
    }

    fn buried(&mut self, seq: Seq) {
        self.letters.insert(seq, None);
    }

    fn item(&mut self, batch: &domain::id::BatchId, what: &What) {
        let counts = self.batches.entry_ref(batch).or_default();
        match what {
            What::Order { events, .. } => match events.first() {
                Some(Event::Repeated { .. }) => counts.skipped += 1,
                Some(Event::Refused(_)) => counts.failed += 1,
                Some(_) if events.iter().any(|e| matches!(e, Event::Rejected(_))) => {
                    counts.failed += 1;
                }
                Some(_) | None => counts.succeeded += 1,
            },
            What::Audit(_)
            | What::Stray(_)
            | What::Letter(_)
            | What::Settled(_)
            | What::Sweep(_)
            | What::Flood(_)
            | What::Stock { .. }
            | What::Released { .. }
            | What::Products(_)
            | What::Customer(_)
            | What::Rules { .. }
            | What::Endpoint(_)
            | What::Replay(_)
            | What::Kept(_)
            | What::Batch(_) => counts.failed += 1,
        }
    }

    fn began(&mut self, key: &domain::id::OrderKey, at: Timestamp, events: &[Event]) {
        let Some((Event::Received(received), rest)) = events.split_first() else {
            self.states.look(false, || format!("{key:?} does not begin with its receipt"));
            return;
        };
        let mut state = domain::evolve::begin(key.clone(), received, at);
        self.evolve(&mut state, rest, at);
        *self.statuses.entry(state.status).or_default() += 1;
        self.priced(&state, rest);
    }

    /// Looks at the price that a change gave an order, or its amendment.
    fn priced(&mut self, state: &OrderState, events: &[Event]) {
        for event in events {
            if let Event::Priced(pricing) = event {
                let sound = adds_up(pricing) && pricing.total == state.total;
                self.money.look(sound, || format!("{:?} does not add up", state.key));
            }
        }
    }

    fn went_on(&mut self, first: Seq, at: Timestamp, events: &[Event]) -> Result<(), Unavailable> {
        let mut state = match self.changed.remove(&first) {
            Some(state) => state,
            None => {
                let began = self.engine.log.change(first);
                let began = began.map_err(|e| Unavailable::Read(e.to_string()))?;
                service::view::first_state(began)?
            }
        };
        let before = state.status;
        self.evolve(&mut state, events, at);
        *self.statuses.entry(before).or_default() -= 1;
        *self.statuses.entry(state.status).or_default() += 1;
        self.priced(&state, events);
        self.changed.insert(first, state);
        Ok(())
    }

    fn evolve(&mut self, state: &mut OrderState, events: &[Event], at: Timestamp) {
        let mut moved = Vec::new();
        let merchant = state.key.merchant.clone();
        for event in events {
            evolve(state, event, at, |sku, movement| {
                moved.push((service::ledger::stock_key(&merchant, sku), movement));
            });
        }
        moved.into_iter().for_each(|(key, movement)| self.moved(key, movement));
    }

    fn moved(&mut self, key: StockKey, movement: Movement) {
        let stock = self.stock.entry(key).or_default();
        *stock = movement.apply(*stock);
    }

    fn conclude(mut self, findings: &mut Findings) -> Result<(), Unavailable> {
        for (seq, folded) in &self.changed {
            let stored = seen(self.engine, |view| view.entry(*seq))?;
            self.states.look(*stored.state == *folded, || {
                format!("{:?} is {:?}, its changes say {folded:?}", folded.key, stored.state)
            });
        }
        // Orders that never changed again are read from their one change: nothing to compare.
        self.states.looked_at += self.orders - self.changed.len() as u64;
        let stock = self.check_stock()?;
        let queues = self.check_queues()?;
        let lists = self.check_lists()?;
        let batches = self.check_batches()?;
        let letters = self.check_letters()?;
        let mut followers = Check::new(Proof::Followers);
        self.engine.examine_followers(&mut followers)?;
        let Self { originals, states, money, .. } = self;
        findings.checks.extend([originals, states, money, stock, queues, lists, batches, letters]);
        findings.checks.push(followers);
        Ok(())
    }

    fn check_stock(&self) -> Result<Check, Unavailable> {
        let mut check = Check::new(Proof::Stock);
        for (key, sum) in &self.stock {
            let stored = self.engine.stock_of(key)?.unwrap_or_default();
            let sound = stored == *sum && (0..=sum.on_hand).contains(&sum.reserved);
            check.look(sound, || format!("{key:?} is {stored:?}, its movements say {sum:?}"));
        }
        let mut after = None;
        loop {
            let page = self.engine.stock(after.as_ref(), 1_000)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (key, stored) in &page {
                if !self.stock.contains_key(key) {
                    check.look(false, || format!("{key:?} is {stored:?} and never moved"));
                }
            }
        }
        Ok(check)
    }

    fn check_queues(&self) -> Result<Check, Unavailable> {
        let mut check = Check::new(Proof::Queues);
        for (key, sum) in &self.stock {
            let (mut waiting, mut after) = (0, None);
            loop {
                let page = seen(self.engine, |view| view.queue(key, after, QUEUE_PAGE))?;
                let Some(last) = page.last() else { break };
                after = Some(last.at);
                waiting += page.iter().map(|w| units(w, key)).sum::<i64>();
            }
            check.look(waiting == sum.waiting, || {
                format!("{waiting} units of {key:?} are queued, {} are waited for", sum.waiting)
            });
        }
        Ok(check)
    }

    fn check_lists(&self) -> Result<Check, Unavailable> {
        let mut check = Check::new(Proof::Lists);
        for (status, _) in Status::ALL {
            let folded = self.statuses.get(&status).copied().unwrap_or_default();
            let listed = self.engine.count(&By::Status(status))?;
            check.look(listed == folded, || {
                format!("{} lists {listed} orders, there are {folded}", status.as_str())
            });
        }
        let listed = self.engine.count(&By::All)?;
        check.look(listed == self.orders, || {
            format!("{listed} orders are listed, there are {}", self.orders)
        });
        let (mut listed, mut before) = (0, None);
        loop {
            let page = self.engine.inputs(None, before, 1_000)?;
            listed += page.seqs.len() as u64;
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        check.look(listed == self.inputs, || {
            format!("{listed} invalid inputs are listed, there are {}", self.inputs)
        });
        Ok(check)
    }

    fn check_letters(&mut self) -> Result<Check, Unavailable> {
        let mut check = std::mem::replace(&mut self.ends, Check::new(Proof::Letters));
        let (mut listed, mut open, mut before) = (0, 0, None);
        loop {
            let filter = Filter::default();
            let page = self.engine.letters(&filter, Direction::Newest, before, 1_000)?;
            for (seq, row) in &page.rows {
                let end = row.end.map(|end| end.seq);
                let said = self.letters.get(seq);
                check.look(said == Some(&end), || {
                    format!("letter {} ends at {end:?}, the log says {said:?}", seq.0)
                });
                open += u64::from(end.is_none());
            }
            listed += page.rows.len();
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        check.look(listed == self.letters.len(), || {
            format!("{listed} dead letters are listed, there are {}", self.letters.len())
        });
        let counted: u64 = self.engine.letters_open()?.iter().map(|(_, count)| count).sum();
        check.look(counted == open, || format!("{counted} are counted as open, {open} are"));
        Ok(check)
    }

    fn check_batches(&self) -> Result<Check, Unavailable> {
        let mut check = Check::new(Proof::Batches);
        for (id, counts) in &self.batches {
            let stored = self.engine.batch(id)?.map(|batch| batch.counts);
            check.look(stored == Some(*counts), || {
                format!("batch {id} says {stored:?}, its items say {counts:?}")
            });
        }
        Ok(check)
    }
}

/// Claims of a queue that are read at a time.
const QUEUE_PAGE: usize = 1_000;

/// Units that a claim in the queue of `key` waits for.
fn units(waiting: &Waiting, key: &StockKey) -> i64 {
    let is = |c: &&Claim| c.sku == key.sku && c.place == waiting.place;
    waiting.order.claims.iter().find(is).map_or(0, |claim| claim.quantity)
}

/// Whether a pricing's parts are its total.
fn adds_up(pricing: &Pricing) -> bool {
    let Some(total) = pricing.total else { return true };
    let mut sum = i128::from(pricing.shipping.unwrap_or_default().0);
    let mut lines: Vec<i128> = Vec::with_capacity(pricing.lines.len());
    for line in &pricing.lines {
        let base = line.base.unwrap_or_default();
        sum += i128::from(base.0);
        lines.push(i128::from(base.0));
    }
    for effect in &pricing.effects {
        sum += i128::from(effect.amount.0);
        if let Target::Line(line) = effect.target {
            match lines.get_mut(usize::from(line)) {
                Some(line) => *line += i128::from(effect.amount.0),
                None => return false,
            }
        }
    }
    let totals = pricing.lines.iter().map(|line| line.total.map(|t| i128::from(t.0)));
    sum == i128::from(total.0) && totals.eq(lines.into_iter().map(Some))
}
