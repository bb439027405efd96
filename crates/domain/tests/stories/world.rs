//! A small world that lives by the domain: it decides commands, lets events change it, and proves
//! after every step that stock and state add up. No ledger, no bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::command::{AdjustStock, Amend, Command, Receive};
use domain::decide::{Decision, decide};
use domain::event::{Event, Refusal};
use domain::evolve::{begin, evolve, fold, movements};
use domain::facts::{Facts, Policy};
use domain::id::{MerchantId, OrderKey, Sku, StepName, StockKey};
use domain::limits::RELEASE_ORDERS_MAX;
use domain::money::Money;
use domain::notice::{Notice, notice};
use domain::order::{Body, Order, Purchase};
use domain::pricing::{NoConditions, Priceable, Pricing, Rule, RuleSet, Target, price};
use domain::state::{Claim, ClaimState, OrderState, Place, Status};
use domain::stock::{Movement, Stock};
use domain::time::Timestamp;

/// Everything there is.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) policy: Policy,
    pub(crate) rules: RuleSet,
    /// The external steps that orders and amendments need from now on.
    pub(crate) steps: Vec<StepName>,
    pub(crate) orders: BTreeMap<OrderKey, OrderState>,
    pub(crate) stock: BTreeMap<StockKey, Stock>,
    /// What was told, since somebody last looked.
    pub(crate) notices: Vec<(OrderKey, Notice)>,
    history: BTreeMap<OrderKey, Vec<(Timestamp, Event)>>,
    arrived: BTreeMap<OrderKey, u64>,
    /// What came in and went out besides orders, per product.
    adjusted: BTreeMap<StockKey, i64>,
    now: i64,
}

impl World {
    /// Takes an order in: priced by the world's rules, allocated at once where no steps are.
    pub(crate) fn receive(&mut self, order: Order) -> Result<Decision, Refusal> {
        let pricing = match &order.body {
            Body::Purchase(purchase) => Some(Arc::new(self.price(&order, purchase))),
            Body::Transfer(_) => None,
        };
        let steps = self.steps.clone();
        let receive = Receive { order, pricing, batch: None, document_hash: 7, steps };
        self.run(&Command::Receive(Box::new(receive)))
    }

    /// Puts a new document in the place of an order's.
    pub(crate) fn amend(
        &mut self,
        order: Order,
        revision: Option<u32>,
    ) -> Result<Decision, Refusal> {
        let pricing = match &order.body {
            Body::Purchase(purchase) => Some(Arc::new(self.price(&order, purchase))),
            Body::Transfer(_) => None,
        };
        let steps = self.steps.clone();
        let amend = Amend { order, pricing, batch: None, document_hash: 8, revision, steps };
        self.run(&Command::Amend(Box::new(amend)))
    }

    /// Decides a command and lets it happen. A refusal changes nothing.
    pub(crate) fn run(&mut self, command: &Command) -> Result<Decision, Refusal> {
        self.now += 1;
        let decision = decide(command, self)?;
        for (key, events) in &decision.orders {
            self.happen(key, events.clone());
        }
        if let Some(event) = &decision.stock {
            let stock = self.stock.entry(event.stock.clone()).or_default();
            *stock = Movement { on_hand: event.on_hand, ..Movement::default() }.apply(*stock);
            *self.adjusted.entry(event.stock.clone()).or_default() += event.on_hand;
        }
        self.prove();
        Ok(decision)
    }

    /// Adjusts stock.
    pub(crate) fn adjust(&mut self, adjust: AdjustStock) -> Result<Decision, Refusal> {
        self.run(&Command::AdjustStock(adjust))
    }

    fn price(&self, order: &Order, purchase: &Purchase) -> Pricing {
        let input = Priceable {
            order: purchase,
            merchant: &order.key.merchant,
            channel: order.channel,
            products: &[],
            customer_tags: &[],
            metadata: None,
            now: Timestamp(self.now),
            exponent: 2,
        };
        price(&input, &self.rules, &NoConditions).expect("amounts within range")
    }

    fn happen(&mut self, key: &OrderKey, events: Vec<Event>) {
        let at = Timestamp(self.now);
        for event in events {
            if let Event::Received(received) = &event {
                self.orders.insert(key.clone(), begin(key.clone(), received, at));
                self.arrived.insert(key.clone(), self.now as u64);
            }
            let order = self.orders.get_mut(key).expect("events begin with a receipt");
            let before = order.status;
            evolve(order, &event, at, |sku, movement| {
                let key = StockKey { merchant: key.merchant.clone(), sku: sku.clone() };
                let stock = self.stock.entry(key).or_default();
                *stock = movement.apply(*stock);
            });
            let told = notice(&event, before, order.status);
            self.notices.extend(told.map(|notice| (key.clone(), notice)));
            self.history.entry(key.clone()).or_default().push((at, event));
        }
    }

    /// What must hold after every step, whatever the step was.
    fn prove(&self) {
        let mut sums: BTreeMap<StockKey, Stock> = BTreeMap::new();
        for (key, units) in &self.adjusted {
            sums.entry(key.clone()).or_default().on_hand += units;
        }
        let mut held: BTreeMap<StockKey, i64> = BTreeMap::new();
        for (key, order) in &self.orders {
            let events = || self.history[key].iter().map(|(at, event)| (*at, event));
            assert_eq!(fold(key.clone(), events()).as_ref(), Some(order), "state = fold of events");
            for (sku, movement) in movements(key.clone(), events()) {
                let sum = sums.entry(stock_key(key, &sku)).or_default();
                *sum = movement.apply(*sum);
            }
            for claim in order.claims.iter().filter(|c| c.state == ClaimState::Reserved) {
                *held.entry(stock_key(key, &claim.sku)).or_default() += claim.quantity;
            }
            money_adds_up(order, &self.history[key]);
            status_says_what_claims_say(order);
        }
        assert_eq!(self.stock, sums, "counters equal the movements' sum");
        for (key, stock) in &self.stock {
            assert!(0 <= stock.reserved && stock.reserved <= stock.on_hand, "{key:?} {stock:?}");
            assert!(stock.waiting >= 0, "{key:?} {stock:?}");
            assert_eq!(held.get(key).copied().unwrap_or_default(), stock.reserved, "{key:?}");
        }
    }

    /// Claims on a product in a state, in the order they stand.
    pub(crate) fn queue(&self, stock: &StockKey, state: ClaimState) -> Vec<(Claim, &OrderState)> {
        let mut found = Vec::new();
        for (key, order) in self.orders.iter().filter(|(key, _)| key.merchant == stock.merchant) {
            let has = |c: &&Claim| c.sku == stock.sku && c.state == state;
            for claim in order.claims.iter().filter(has) {
                let own = claim.place == Place::OF_ORDER;
                let place = if own { self.arrived[key] } else { claim.place.0 };
                found.push((place, claim.clone(), order));
            }
        }
        found.sort_by_key(|(place, _, _)| *place);
        found.into_iter().map(|(_, claim, order)| (claim, order)).collect()
    }
}

fn stock_key(order: &OrderKey, sku: &Sku) -> StockKey {
    StockKey { merchant: order.merchant.clone(), sku: sku.clone() }
}

fn money_adds_up(order: &OrderState, history: &[(Timestamp, Event)]) {
    let priced = |(_, event): &(Timestamp, Event)| {
        if let Event::Priced(pricing) = event { Some(pricing.clone()) } else { None }
    };
    let Some(pricing) = history.iter().rev().find_map(priced) else { return };
    if order.kind == domain::event::Kind::Transfer {
        return;
    }
    assert_eq!(pricing.total, order.total);
    if let Some(total) = pricing.total {
        let beside = |e: &&domain::pricing::Effect| match e.target {
            Target::Line(_) => false,
            Target::Shipping | Target::Tax => true,
        };
        let lines: Money = pricing.lines.iter().filter_map(|line| line.total).sum();
        let beside: Money = pricing.effects.iter().filter(beside).map(|e| e.amount).sum();
        assert_eq!(total, lines + pricing.shipping.unwrap_or_default() + beside);
    }
}

fn status_says_what_claims_say(order: &OrderState) {
    let done = order.claims.iter().all(|claim| claim.state.is_done());
    let open = order.claims.iter().all(|c| c.state == ClaimState::Open);
    match order.status {
        Status::Completed | Status::Fulfilled => assert!(done, "{order:?}"),
        Status::Backordered => assert!(!done, "{order:?}"),
        // An amendment keeps what the order has while its steps are asked.
        Status::Received | Status::Processing => {
            assert!(order.awaits().is_some(), "{order:?}");
            assert!(open || order.revision > 1, "{order:?}");
        }
        Status::Rejected | Status::Cancelled => assert!(open, "{order:?}"),
        Status::Failed => assert!(open && order.pending.is_some(), "{order:?}"),
        Status::Invalid => panic!("no order is that: {order:?}"),
    }
    let is_asked = order.awaits().is_some() || order.status == Status::Failed;
    assert_eq!(order.pending.is_some(), is_asked, "{order:?}");
}

impl Facts for World {
    fn order(&self, key: &OrderKey) -> Option<OrderState> {
        self.orders.get(key).cloned()
    }

    fn status(&self, key: &OrderKey) -> Option<Status> {
        self.orders.get(key).map(|order| order.status)
    }

    fn stock(&self, key: &StockKey) -> Option<Stock> {
        self.stock.get(key).copied()
    }

    fn keeps_stock(&self, merchant: &MerchantId) -> bool {
        self.stock.keys().any(|key| key.merchant == *merchant)
    }

    fn policy(&self) -> Policy {
        self.policy
    }

    fn end_of_queues(&self) -> Place {
        Place(self.now as u64)
    }

    fn waiting(&self, stock: &StockKey) -> Vec<(Place, OrderState)> {
        let queue = self.queue(stock, ClaimState::Waiting).into_iter().take(RELEASE_ORDERS_MAX);
        queue.map(|(claim, order)| (claim.place, order.clone())).collect()
    }

    fn holding(&self, stock: &StockKey) -> Vec<OrderState> {
        let mut holding: Vec<&OrderState> = Vec::new();
        for (_, order) in self.queue(stock, ClaimState::Reserved).into_iter().rev() {
            if !holding.contains(&order) {
                holding.push(order);
            }
        }
        holding.into_iter().take(RELEASE_ORDERS_MAX).cloned().collect()
    }
}

/// A world that prices by `rules`.
pub(crate) fn with_rules(rules: Vec<Rule>) -> World {
    let rules = RuleSet::new(1, rules).expect("sound rules");
    World { rules, ..World::default() }
}
