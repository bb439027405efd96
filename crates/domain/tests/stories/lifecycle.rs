//! Stories of an order's life: what it finds, what it waits for, and what is refused.
//!
//! One line a command: `place o1 PEN*3 => completed o1 PEN reserved`. What stands after the arrow
//! is what became of it; without an arrow it must not be refused. Counters are on hand / reserved /
//! waiting. After every line the world proves that stock and state add up (see [`crate::world`]).

use domain::command::{
    AdjustStock, BelowReserved, Cancel, Command, Redrive, StepNews, StepReport, StockChange,
    Verdict,
};
use domain::decide::Decision;
use domain::event::{Event, Refusal, Rejection, Shortage};
use domain::id::{MerchantId, OrderId, OrderKey, RuleId, Sku, StepName, StockKey};
use domain::money::{Decimal, Money, UnitPrice};
use domain::order::{Body, Channel, Line, Lines, Order, Purchase, Transfer};
use domain::pricing::{Action, Off, Percent, Rule, Scope};
use domain::state::{ClaimState, Status};
use domain::stock::{ShortagePolicy, UnknownSku};
use proptest::prelude::*;

use crate::world::{World, with_rules};

/// Tells a story; every line's outcome is as it says.
pub(crate) fn check(story: &str) {
    let mut world = World::default();
    for line in story.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (said, expected) = match line.split_once("=>") {
            Some((said, expected)) => (said, Some(expected.trim())),
            None => (line, None),
        };
        let told = step(&mut world, &said.split_whitespace().collect::<Vec<_>>());
        match expected {
            Some(expected) => assert_eq!(told, expected, "{line}"),
            None => assert!(!told.starts_with("refused"), "{line}: {told}"),
        }
    }
}

#[test]
fn an_order_that_finds_stock_reserves_it() {
    check(
        "stock PEN 5         => PEN 5/0/0
         place o1 PEN*3      => completed o1 PEN reserved
         counters PEN        => PEN 5/3/0
         fulfil o1           => fulfilled o1 PEN consumed
         counters PEN        => PEN 2/0/0",
    );
}

#[test]
fn partial_takes_what_is_there_and_waits_for_the_rest() {
    check(
        "stock PEN 5
         stock CAP 1
         place o1 PEN*3 CAP*2 => backordered o1 PEN reserved, CAP waiting; short CAP 1 of 2
         counters PEN         => PEN 5/3/0
         counters CAP         => CAP 1/0/2
         restock CAP 1        => CAP 2/0/2
         release CAP          => completed o1 PEN reserved, CAP reserved
         counters CAP         => CAP 2/2/0",
    );
}

#[test]
fn ship_complete_holds_nothing_while_it_waits() {
    check(
        "policy ship_complete
         stock PEN 5
         stock CAP 1
         place o1 PEN*3 CAP*2 => backordered o1 PEN standby, CAP waiting; short CAP 1 of 2
         counters PEN         => PEN 5/0/0
         place o2 PEN*5       => completed o2 PEN reserved",
    );
}

#[test]
fn ship_complete_is_filled_when_everything_fits() {
    check(
        "policy ship_complete
         stock PEN 5
         stock CAP 1
         place o1 PEN*3 CAP*2
         restock CAP 1
         release CAP          => completed o1 PEN reserved, CAP reserved
         counters PEN         => PEN 5/3/0
         counters CAP         => CAP 2/2/0",
    );
}

#[test]
fn ship_complete_queues_for_what_has_become_short_meanwhile() {
    check(
        "policy ship_complete
         stock PEN 5
         stock CAP 1
         place o1 PEN*3 CAP*2 => backordered o1 PEN standby, CAP waiting; short CAP 1 of 2
         place o2 PEN*5       => completed o2 PEN reserved
         restock CAP 1
         release CAP          => backordered o1 PEN waiting, CAP waiting
         release CAP          => nothing
         restock PEN 3
         release PEN          => completed o1 PEN reserved, CAP reserved",
    );
}

#[test]
fn reject_turns_a_short_order_down_and_takes_nothing() {
    check(
        "policy reject
         stock PEN 2
         stock CAP 9
         place o1 PEN*3 CAP*1 => rejected o1 PEN open, CAP open; out_of_stock PEN 2 of 3
         counters CAP         => CAP 9/0/0
         place o1 PEN*1       => refused duplicate REJECTED
         place o2 PEN*2       => completed o2 PEN reserved",
    );
}

#[test]
fn an_orders_own_policy_comes_before_the_installations() {
    check(
        "policy reject
         stock PEN 2
         place o1 PEN*3 partial       => backordered o1 PEN waiting; short PEN 2 of 3
         place o2 PEN*3 ship_complete => backordered o2 PEN waiting; short PEN 2 of 3
         policy partial
         place o3 PEN*3 reject        => rejected o3 PEN open; out_of_stock PEN 2 of 3",
    );
}

#[test]
fn an_unknown_sku_is_untracked_until_its_seller_keeps_stock() {
    check(
        "place o1 GUM*3          => completed o1 GUM untracked
         stock other/PEN 1
         place o2 GUM*3          => completed o2 GUM untracked
         stock PEN 1
         place o3 GUM*3          => backordered o3 GUM waiting; short GUM 0 of 3
         place other/o1 GUM*3    => backordered other/o1 GUM waiting; short GUM 0 of 3
         fulfil o1               => fulfilled o1 GUM untracked",
    );
}

#[test]
fn an_unknown_sku_may_always_be_untracked() {
    check(
        "unknown untracked
         stock PEN 1
         place o1 GUM*3 PEN*1 => completed o1 GUM untracked, PEN reserved
         counters GUM         => GUM unknown",
    );
}

#[test]
fn an_unknown_sku_may_always_wait() {
    check(
        "unknown backorder
         place o1 GUM*3 => backordered o1 GUM waiting; short GUM 0 of 3
         counters GUM   => GUM 0/0/3
         restock GUM 3
         release GUM    => completed o1 GUM reserved",
    );
}

#[test]
fn an_unknown_sku_may_reject_the_order() {
    check(
        "unknown reject
         stock PEN 9
         place o1 PEN*1 GUM*3 TEA*1 => rejected o1 PEN open, GUM open, TEA open; unknown_sku GUM TEA
         counters PEN               => PEN 9/0/0",
    );
}

#[test]
fn two_lines_of_one_sku_are_one_claim() {
    check(
        "stock PEN 5
         place o1 PEN*3 PEN*3      => backordered o1 PEN waiting; short PEN 5 of 6
         stock CAP 5
         place o2 CAP*2 CAP*3      => completed o2 CAP reserved
         counters CAP              => CAP 5/5/0",
    );
}

#[test]
fn waiting_orders_are_filled_oldest_first() {
    check(
        "stock PEN 0
         place o2 PEN*2
         place o1 PEN*2
         place o3 PEN*2
         restock PEN 4
         release PEN    => completed o2 PEN reserved; completed o1 PEN reserved
         order o3       => backordered o3 PEN waiting",
    );
}

#[test]
fn an_order_that_cannot_be_filled_is_skipped_and_blocks_nobody() {
    check(
        "stock PEN 0
         place o1 PEN*9
         place o2 PEN*2
         restock PEN 3
         release PEN    => completed o2 PEN reserved
         order o1       => backordered o1 PEN waiting
         restock PEN 8
         release PEN    => completed o1 PEN reserved",
    );
}

#[test]
fn new_lines_queue_behind_waiting_ones() {
    check(
        "stock PEN 2
         place o1 PEN*3 => backordered o1 PEN waiting; short PEN 2 of 3
         place o2 PEN*1 => backordered o2 PEN waiting; short PEN 2 of 1
         restock PEN 1
         release PEN    => completed o1 PEN reserved
         place o3 PEN*1 => backordered o3 PEN waiting; short PEN 0 of 1
         restock PEN 2
         release PEN    => completed o2 PEN reserved; completed o3 PEN reserved",
    );
}

#[test]
fn a_release_looks_at_a_bounded_number_of_orders() {
    let mut story = String::from("stock PEN 0\n");
    (0..300).for_each(|n| story.push_str(&format!("place o{n} PEN*1\n")));
    story.push_str(
        "restock PEN 300 => PEN 300/0/300
         release PEN
         counters PEN    => PEN 300/256/44
         release PEN
         counters PEN    => PEN 300/300/0",
    );
    check(&story);
}

#[test]
fn an_adjustment_below_what_is_reserved_is_refused() {
    check(
        "stock PEN 5
         place o1 PEN*3
         stock PEN 2      => refused below_reserved 3
         shrink PEN 3     => refused below_reserved 3
         shrink PEN 2     => PEN 3/3/0
         counters PEN     => PEN 3/3/0",
    );
}

#[test]
fn release_newest_takes_reservations_back_from_the_newest() {
    check(
        "stock PEN 6
         place o1 PEN*2
         place o2 PEN*2
         place o3 PEN*2
         stock PEN 3 newest => backordered o3 PEN waiting; backordered o2 PEN waiting; PEN 3/2/4
         order o1           => completed o1 PEN reserved
         fulfil o2          => refused wrong_state BACKORDERED
         restock PEN 3
         release PEN        => completed o2 PEN reserved; completed o3 PEN reserved",
    );
}

#[test]
fn release_newest_frees_everything_of_an_order_that_ships_complete() {
    check(
        "stock PEN 2
         stock CAP 2
         place o1 PEN*2 CAP*2 ship_complete => completed o1 PEN reserved, CAP reserved
         stock PEN 1 newest   => backordered o1 PEN waiting, CAP standby; PEN 1/0/2
         counters CAP         => CAP 2/0/0",
    );
}

#[test]
fn release_newest_touches_a_bounded_number_of_orders() {
    let mut story = String::from("stock PEN 300\n");
    (0..257).for_each(|n| story.push_str(&format!("place o{n} PEN*1\n")));
    story.push_str("stock PEN 0 newest => refused too_many_releases\n");
    story.push_str("stock PEN 1 newest\ncounters PEN => PEN 1/1/256");
    check(&story);
}

#[test]
fn stock_is_neither_negative_nor_beyond_all_bounds() {
    check(
        "shrink PEN 1                   => refused stock_out_of_range
         stock PEN -1                   => refused stock_out_of_range
         stock PEN 10000000001          => refused stock_out_of_range
         stock PEN 10000000000          => PEN 10000000000/0/0
         restock PEN 1                  => refused stock_out_of_range
         restock PEN 9223372036854775807 => refused stock_out_of_range
         counters PEN                   => PEN 10000000000/0/0",
    );
}

#[test]
fn the_same_order_again_is_a_duplicate_whatever_became_of_the_first() {
    check(
        "stock PEN 1
         place o1 PEN*1       => completed o1 PEN reserved
         place o1 PEN*1       => refused duplicate COMPLETED
         place o2 PEN*1
         place o2 CAP*7       => refused duplicate BACKORDERED
         transfer o1 4.50     => refused duplicate COMPLETED
         fulfil o1
         place o1 PEN*1       => refused duplicate FULFILLED
         place other/o1 PEN*1 => completed other/o1 PEN untracked",
    );
}

#[test]
fn only_a_completed_order_is_fulfilled() {
    check(
        "stock PEN 1
         place o1 PEN*2
         place o2 PEN*2 reject
         place o3 PEN*1
         transfer t1 4.50
         steps check
         place o4 PEN*1
         fulfil o1 => refused wrong_state BACKORDERED
         fulfil o2 => refused wrong_state REJECTED
         fulfil o3 => refused wrong_state BACKORDERED
         fulfil o4 => refused wrong_state RECEIVED
         fulfil o9 => refused unknown_order
         fulfil t1 => fulfilled t1
         fulfil t1 => refused wrong_state FULFILLED",
    );
}

#[test]
fn a_transfer_carries_no_stock_and_its_total_is_its_amount() {
    check(
        "stock PEN 5
         unknown reject
         transfer t1 4.50 => completed t1
         total t1         => 4.50
         counters PEN     => PEN 5/0/0",
    );
}

#[test]
fn an_order_with_a_line_without_a_price_is_processed_unpriced() {
    check(
        "place o1 PEN*3@1.50 CAP*1@0.25 => completed o1 PEN untracked, CAP untracked
         total o1                       => 4.75
         place o2 PEN*3@1.50 CAP*1      => completed o2 PEN untracked, CAP untracked
         total o2                       => unpriced",
    );
}

#[test]
fn an_amend_takes_less_and_gives_the_rest_to_those_who_wait() {
    check(
        "stock PEN 5
         place o1 PEN*5@2.00 => completed o1 PEN reserved
         place o2 PEN*2
         amend o1 PEN*3@1.50 => completed o1 PEN reserved
         revision o1         => 2
         total o1            => 4.50
         counters PEN        => PEN 5/3/2
         release PEN         => completed o2 PEN reserved",
    );
}

#[test]
fn an_added_quantity_is_a_claim_at_the_end_of_the_queue() {
    check(
        "stock PEN 3
         place o1 PEN*3
         place o2 PEN*2
         amend o1 PEN*4 => backordered o1 PEN reserved, PEN waiting; short PEN 0 of 1
         queue PEN      => o2*2 o1*1
         restock PEN 2
         release PEN    => completed o2 PEN reserved
         restock PEN 1
         release PEN    => completed o1 PEN reserved
         counters PEN   => PEN 6/6/0
         fulfil o1      => fulfilled o1 PEN consumed
         counters PEN   => PEN 2/2/0",
    );
}

#[test]
fn an_amend_keeps_the_place_of_what_it_wants_still() {
    check(
        "stock PEN 0
         place o1 PEN*4
         place o2 PEN*2
         amend o1 PEN*3 => backordered o1 PEN waiting; short PEN 0 of 3
         queue PEN      => o1*3 o2*2
         amend o1 PEN*5 => backordered o1 PEN waiting, PEN waiting; short PEN 0 of 3, PEN 0 of 2
         queue PEN      => o1*3 o2*2 o1*2
         amend o1 PEN*1 => backordered o1 PEN waiting; short PEN 0 of 1
         queue PEN      => o1*1 o2*2
         restock PEN 1
         release PEN    => completed o1 PEN reserved",
    );
}

#[test]
fn an_amend_takes_what_is_free_when_nobody_waits() {
    check(
        "stock PEN 5
         place o1 PEN*9 => backordered o1 PEN waiting; short PEN 5 of 9
         amend o1 PEN*4 => completed o1 PEN reserved
         amend o1 PEN*5 => completed o1 PEN reserved
         counters PEN   => PEN 5/5/0
         place o2 PEN*1
         amend o2 CAP*1 => backordered o2 CAP waiting; short CAP 0 of 1
         counters PEN   => PEN 5/5/0",
    );
}

#[test]
fn an_amend_may_lead_from_completed_to_backordered_and_back() {
    check(
        "stock PEN 2
         stock CAP 1
         place o1 PEN*1       => completed o1 PEN reserved
         amend o1 PEN*1 CAP*3 => backordered o1 PEN reserved, CAP waiting; short CAP 1 of 3
         fulfil o1            => refused wrong_state BACKORDERED
         amend o1 PEN*2       => completed o1 PEN reserved
         counters CAP         => CAP 1/0/0
         revision o1          => 3
         fulfil o1            => fulfilled o1 PEN consumed",
    );
}

#[test]
fn an_amended_order_that_ships_complete_holds_nothing_while_it_waits() {
    check(
        "policy ship_complete
         stock PEN 5
         stock CAP 1
         place o1 PEN*5       => completed o1 PEN reserved
         place o2 PEN*1
         amend o1 PEN*5 CAP*2 => backordered o1 PEN standby, CAP waiting; short CAP 1 of 2
         counters PEN         => PEN 5/0/1
         release PEN          => completed o2 PEN reserved
         amend o1 PEN*4       => completed o1 PEN reserved
         counters PEN         => PEN 5/5/0",
    );
}

#[test]
fn a_ship_complete_order_with_two_claims_on_one_product_is_filled_as_one() {
    check(
        "policy ship_complete
         stock PEN 0
         place o1 PEN*2
         place o2 PEN*1
         amend o1 PEN*3 => backordered o1 PEN waiting, PEN waiting; short PEN 0 of 2, PEN 0 of 1
         restock PEN 2
         release PEN    => completed o2 PEN reserved
         restock PEN 2
         release PEN    => completed o1 PEN reserved
         counters PEN   => PEN 4/4/0",
    );
}

#[test]
fn an_amend_that_would_be_rejected_changes_nothing() {
    check(
        "stock PEN 2
         place o1 PEN*2 reject => completed o1 PEN reserved
         amend o1 PEN*3 reject => refused out_of_stock PEN 0 of 1
         order o1              => completed o1 PEN reserved
         revision o1           => 1
         unknown reject
         amend o1 GUM*1        => refused unknown_sku
         amend o1 PEN*1 reject => completed o1 PEN reserved",
    );
}

#[test]
fn an_amend_for_another_revision_is_refused() {
    check(
        "place o1 PEN*1
         amend o1 if 2 PEN*2 => refused stale_revision 1
         amend o1 if 1 PEN*2 => completed o1 PEN untracked
         amend o1 if 1 PEN*3 => refused stale_revision 2
         revision o1         => 2",
    );
}

#[test]
fn an_order_has_a_bounded_number_of_revisions() {
    let mut story = String::from(
        "place o1 PEN*1
",
    );
    (1..100).for_each(|n| {
        story.push_str(&format!(
            "amend o1 PEN*{n}
"
        ))
    });
    story.push_str(
        "revision o1 => 100
amend o1 PEN*1 => refused too_many_revisions
",
    );
    story.push_str("cancel o1 => cancelled o1 PEN open");
    check(&story);
}

#[test]
fn a_purchase_may_be_amended_to_a_transfer_and_back() {
    check(
        "stock PEN 2
         place o1 PEN*2@1.00
         amend o1 transfer 4.50 => completed o1
         total o1               => 4.50
         counters PEN           => PEN 2/0/0
         amend o1 PEN*1@1.00    => completed o1 PEN reserved
         total o1               => 1.00",
    );
}

#[test]
fn final_orders_are_not_amended() {
    check(
        "stock PEN 1
         place o1 PEN*2 reject
         place o2 PEN*1
         fulfil o2
         place o3 GUM*1
         cancel o3
         steps check
         place o4 CAP*1
         fail o4 check
         amend o1 PEN*1 => refused wrong_state REJECTED
         amend o2 PEN*1 => refused wrong_state FULFILLED
         amend o3 PEN*1 => refused wrong_state CANCELLED
         amend o4 PEN*1 => refused wrong_state FAILED
         amend o9 PEN*1 => refused unknown_order
         revision o2    => 1",
    );
}

#[test]
fn a_cancelled_order_gives_back_what_it_held_and_leaves_its_queues() {
    check(
        "stock PEN 3
         place o1 PEN*3
         place o2 PEN*2 CAP*1
         place o3 PEN*1
         cancel o1    => cancelled o1 PEN open
         counters PEN => PEN 3/0/3
         release PEN  => backordered o2 PEN reserved, CAP waiting; completed o3 PEN reserved
         cancel o2    => cancelled o2 PEN open, CAP open
         counters PEN => PEN 3/1/0
         counters CAP => CAP 0/0/0
         place o1 PEN*1 => refused duplicate CANCELLED",
    );
}

#[test]
fn an_order_is_cancelled_until_it_is_final() {
    check(
        "stock PEN 1
         steps check
         place o1 PEN*1
         steps
         place o2 PEN*2 reject
         place o3 PEN*1
         fulfil o3
         transfer t1 1.00
         cancel o1 => cancelled o1 PEN open
         cancel o1 => refused wrong_state CANCELLED
         cancel o2 => refused wrong_state REJECTED
         cancel o3 => refused wrong_state FULFILLED
         cancel t1 => cancelled t1
         cancel o9 => refused unknown_order
         fulfil o1 => refused wrong_state CANCELLED",
    );
}

#[test]
fn a_reservation_is_taken_back_from_what_was_added_last() {
    check(
        "stock PEN 5
         place o1 PEN*3
         place o2 PEN*1
         place o3 CAP*1
         amend o1 PEN*4       => completed o1 PEN reserved
         stock PEN 2 newest   => backordered o2 PEN waiting; backordered o1 PEN waiting; PEN 2/0/5
         queue PEN            => o1*4 o2*1",
    );
}

#[test]
fn each_transition_is_told_once_to_whom_it_concerns() {
    check(
        "stock PEN 3
         stock CAP 1
         place o1 PEN*1       => completed o1 PEN reserved
         notices              => o1 order.received, o1 order.completed
         place o2 PEN*1 CAP*2
         notices              => o2 order.received, o2 stock.pending
         place o1 PEN*1       => refused duplicate COMPLETED
         notices              => none
         place o3 PEN*9 reject
         notices              => o3 order.received, o3 order.rejected
         fulfil o1
         notices              => o1 order.fulfilled
         fulfil o1            => refused wrong_state FULFILLED
         notices              => none
         restock CAP 1
         notices              => none
         release CAP
         notices              => o2 order.completed
         stock PEN 0 newest
         notices              => o2 stock.pending
         stock PEN 1
         release PEN
         notices              => o2 order.completed
         cancel o2
         notices              => o2 order.cancelled
         cancel o2            => refused wrong_state CANCELLED
         notices              => none
         transfer t1 1.00
         notices              => t1 order.received, t1 order.completed",
    );
}

#[test]
fn every_revision_is_told_anew() {
    check(
        "stock PEN 2
         place o1 PEN*1
         notices              => o1 order.received, o1 order.completed
         amend o1 PEN*2       => completed o1 PEN reserved
         notices              => o1 order.amended, o1 order.completed
         amend o1 PEN*3
         notices              => o1 order.amended, o1 stock.pending
         amend o1 PEN*4
         notices              => o1 order.amended, o1 stock.pending
         restock PEN 2
         release PEN
         notices              => o1 order.completed
         amend o1 PEN*1
         notices              => o1 order.amended, o1 order.completed",
    );
}

#[test]
fn what_only_moves_within_a_queue_is_not_told() {
    check(
        "policy ship_complete
         stock PEN 5
         stock CAP 1
         place o1 PEN*3 CAP*2
         place o2 PEN*5
         notices              => o1 order.received, o1 stock.pending, o2 order.received, o2 order.completed
         restock CAP 1
         release CAP          => backordered o1 PEN waiting, CAP waiting
         notices              => none
         steps check
         place o4 PEN*1
         notices              => o4 order.received
         steps
         policy partial
         stock INK 1
         place o5 CAP*3 GUM*1 INK*1
         notices              => o5 order.received, o5 stock.pending
         stock GUM 1
         release GUM
         order o5             => backordered o5 CAP waiting, GUM reserved, INK reserved
         notices              => none
         stock INK 0 newest
         order o5             => backordered o5 CAP waiting, GUM reserved, INK waiting
         notices              => none",
    );
}

/// Does what a line says, and tells what came of it.
fn step(world: &mut World, words: &[&str]) -> String {
    match words {
        ["policy", policy] => {
            world.policy.shortage = shortage(policy).expect("a policy");
            String::new()
        }
        ["unknown", policy] => {
            world.policy.unknown_sku = match *policy {
                "untracked" => UnknownSku::Untracked,
                "backorder" => UnknownSku::Backorder,
                "reject" => UnknownSku::Reject,
                other => panic!("no policy: {other}"),
            };
            String::new()
        }
        ["place", id, rest @ ..] => {
            let done = world.receive(purchase(id, rest));
            told(world, done)
        }
        ["steps", names @ ..] => {
            world.steps = names.iter().map(|name| step_name(name)).collect();
            String::new()
        }
        ["take", id, step, rest @ ..] => report(world, id, step, StepNews::TakenUp, rest),
        ["pass", id, step, rest @ ..] => {
            let approved = Verdict::Approved { note: None };
            report(world, id, step, StepNews::Said(approved), rest)
        }
        ["refuse", id, step, rest @ ..] => {
            let refused = Verdict::Refused { reason: "risky".into() };
            report(world, id, step, StepNews::Said(refused), rest)
        }
        ["fail", id, step, rest @ ..] => {
            let failed = Verdict::Failed { error: "no answer".into(), attempts: 8 };
            report(world, id, step, StepNews::Said(failed), rest)
        }
        ["drop", id, step, rest @ ..] => report(world, id, step, StepNews::Removed, rest),
        ["redrive", id, known @ ..] => {
            let known = known.iter().map(|name| step_name(name)).collect();
            let redrive = Redrive { order: order_key(id), known, channel: Channel::Api };
            run(world, &Command::Redrive(redrive))
        }
        ["waits", id] => {
            let awaits = world.orders[&order_key(id)].awaits();
            awaits.map_or("nothing".to_owned(), ToString::to_string)
        }
        ["transfer", id, amount] => {
            let done = world.receive(transfer(id, amount));
            told(world, done)
        }
        ["fulfil", id] => run(world, &Command::Fulfil { order: order_key(id) }),
        ["amend", id, rest @ ..] => {
            let (revision, rest) = match rest {
                ["if", revision, rest @ ..] => (Some(whole(revision) as u32), rest),
                [..] => (None, rest),
            };
            let order = match rest {
                ["transfer", amount] => transfer(id, amount),
                rest => purchase(id, rest),
            };
            let done = world.amend(order, revision);
            told(world, done)
        }
        ["cancel", id] => run(world, &Command::Cancel(cancel(order_key(id)))),
        ["revision", id] => world.orders[&order_key(id)].revision.to_string(),
        ["queue", sku] => {
            let queue = world.queue(&stock_key(sku), ClaimState::Waiting).into_iter();
            let one = |(c, o): (domain::state::Claim, &domain::state::OrderState)| {
                format!("{}*{}", name(&o.key), c.quantity)
            };
            queue.map(one).collect::<Vec<_>>().join(" ")
        }
        ["release", sku] => run(world, &Command::Release { stock: stock_key(sku) }),
        ["stock", sku, units, rest @ ..] => adjust(world, sku, StockChange::To(whole(units)), rest),
        ["restock", sku, units] => adjust(world, sku, StockChange::By(whole(units)), &[]),
        ["shrink", sku, units] => adjust(world, sku, StockChange::By(-whole(units)), &[]),
        ["counters", sku] => counters(world, &stock_key(sku)),
        ["order", id] => order(world, &order_key(id)),
        ["total", id] => match world.orders[&order_key(id)].total {
            Some(Money(cents)) => format!("{}.{:02}", cents / 100, cents % 100),
            None => "unpriced".to_owned(),
        },
        ["notices"] => {
            let told = world.notices.drain(..);
            let told: Vec<_> =
                told.map(|(key, notice)| format!("{} {}", name(&key), notice.as_str())).collect();
            if told.is_empty() { "none".to_owned() } else { told.join(", ") }
        }
        other => panic!("no command: {other:?}"),
    }
}

fn step_name(name: &str) -> StepName {
    StepName::parse(name).expect("a name")
}

/// What became of a step of the order's revision, or of the one that is named.
fn report(world: &mut World, id: &str, step: &str, news: StepNews, rest: &[&str]) -> String {
    let order = order_key(id);
    let revision = match rest {
        [] => world.orders.get(&order).map_or(1, |order| order.revision),
        ["of", revision] => whole(revision) as u32,
        other => panic!("no revision: {other:?}"),
    };
    let report = StepReport { order, revision, step: step_name(step), news };
    run(world, &Command::Step(Box::new(report)))
}

fn run(world: &mut World, command: &Command) -> String {
    let done = world.run(command);
    told(world, done)
}

fn adjust(world: &mut World, sku: &str, change: StockChange, rest: &[&str]) -> String {
    let below_reserved = match rest {
        [] => BelowReserved::Refuse,
        ["newest"] => BelowReserved::ReleaseNewest,
        other => panic!("no adjustment: {other:?}"),
    };
    let adjust =
        AdjustStock { stock: stock_key(sku), change, below_reserved, reason: "counted".into() };
    let done = world.adjust(adjust);
    told(world, done)
}

fn told(world: &World, done: Result<Decision, Refusal>) -> String {
    let decision = match done {
        Ok(decision) => decision,
        Err(refusal) => return refused(&refusal),
    };
    let mut told = Vec::new();
    for (key, events) in &decision.orders {
        told.push(order(world, key));
        for event in events {
            if let Event::Rejected(Rejection::OutOfStock(shortages)) = event {
                told.push(format!("out_of_stock {}", short(shortages)));
            }
            if let Event::Rejected(Rejection::Step { step, reason }) = event {
                told.push(format!("step_refused {step} {reason}"));
            }
            if let Event::StepIgnored(_) = event {
                told.push("ignored".to_owned());
            }
            if let Event::Rejected(Rejection::UnknownSku(skus)) = event {
                let skus: Vec<_> = skus.iter().map(Sku::as_str).collect();
                told.push(format!("unknown_sku {}", skus.join(" ")));
            }
            if let Event::Allocated { shortages, .. } = event
                && !shortages.is_empty()
            {
                told.push(format!("short {}", short(shortages)));
            }
        }
    }
    told.extend(decision.stock.map(|event| counters(world, &event.stock)));
    if told.is_empty() { "nothing".to_owned() } else { told.join("; ") }
}

fn refused(refusal: &Refusal) -> String {
    let why = match refusal {
        Refusal::Duplicate { status } | Refusal::WrongState { status } => status.as_str().into(),
        Refusal::BelowReserved { reserved } => reserved.to_string(),
        Refusal::WouldReject(Rejection::OutOfStock(shortages)) => short(shortages),
        Refusal::StaleRevision { current } => current.to_string(),
        Refusal::WouldReject(Rejection::UnknownSku(_) | Rejection::Step { .. })
        | Refusal::UnknownOrder
        | Refusal::TooManyRevisions
        | Refusal::StockOutOfRange
        | Refusal::TooManyReleases => {
            return format!("refused {}", refusal.code());
        }
    };
    format!("refused {} {why}", refusal.code())
}

fn short(shortages: &[Shortage]) -> String {
    let short = |s: &Shortage| format!("{} {} of {}", s.sku, s.available, s.wanted);
    shortages.iter().map(short).collect::<Vec<_>>().join(", ")
}

fn order(world: &World, key: &OrderKey) -> String {
    let order = &world.orders[key];
    let claims: Vec<_> =
        order.claims.iter().map(|c| format!(" {} {}", c.sku, state(c.state))).collect();
    format!("{} {}{}", order.status.as_str().to_lowercase(), name(key), claims.join(","))
}

/// Told apart even where the wire does not.
fn state(state: ClaimState) -> &'static str {
    match state {
        ClaimState::Open => "open",
        ClaimState::Untracked => "untracked",
        ClaimState::Reserved => "reserved",
        ClaimState::Waiting => "waiting",
        ClaimState::Standby => "standby",
        ClaimState::Consumed => "consumed",
    }
}

fn counters(world: &World, key: &StockKey) -> String {
    match world.stock.get(key) {
        Some(s) => format!("{} {}/{}/{}", key.sku, s.on_hand, s.reserved, s.waiting),
        None => format!("{} unknown", key.sku),
    }
}

const SELLER: &str = "loja";

fn name(key: &OrderKey) -> String {
    match key.merchant.as_str() {
        SELLER => key.id.to_string(),
        other => format!("{other}/{}", key.id),
    }
}

/// `o1` of the usual seller, or `other/o1`.
fn parts(name: &str) -> (MerchantId, &str) {
    let (merchant, name) = name.split_once('/').unwrap_or((SELLER, name));
    (MerchantId::parse(merchant).expect("a name"), name)
}

fn order_key(name: &str) -> OrderKey {
    let (merchant, id) = parts(name);
    OrderKey { id: OrderId::parse(id).expect("a name"), merchant }
}

fn stock_key(name: &str) -> StockKey {
    let (merchant, sku) = parts(name);
    StockKey { merchant, sku: Sku::parse(sku).expect("a name") }
}

fn whole(units: &str) -> i64 {
    units.parse().expect("a whole number")
}

fn shortage(name: &str) -> Option<ShortagePolicy> {
    match name {
        "partial" => Some(ShortagePolicy::Partial),
        "ship_complete" => Some(ShortagePolicy::ShipComplete),
        "reject" => Some(ShortagePolicy::Reject),
        _ => None,
    }
}

/// `PEN*3@1.50 CAP*1 reject`.
fn purchase(id: &str, words: &[&str]) -> Order {
    let (mut lines, mut policy) = (Vec::new(), None);
    for word in words {
        match word.split_once('*') {
            Some((sku, rest)) => {
                let (quantity, price) = match rest.split_once('@') {
                    Some((quantity, price)) => (quantity, Some(price)),
                    None => (rest, None),
                };
                lines.push(Line {
                    sku: Sku::parse(sku).expect("a name"),
                    quantity: whole(quantity),
                    unit_price: price.map(|price| UnitPrice(amount(price).0 * 10_000)),
                });
            }
            None => policy = Some(shortage(word).expect("a policy")),
        }
    }
    bought(order_key(id), lines, None, policy)
}

fn bought(
    key: OrderKey,
    lines: Vec<Line>,
    shipping: Option<Money>,
    shortage: Option<ShortagePolicy>,
) -> Order {
    let purchase = Purchase {
        customer: None,
        lines: Lines::parse(lines).expect("sound lines"),
        shipping,
        coupons: Vec::new(),
        ordered_at: None,
        shortage,
    };
    Order { key, channel: Channel::Api, body: Body::Purchase(purchase) }
}

fn transfer(id: &str, units: &str) -> Order {
    let body = Body::Transfer(Transfer {
        amount: amount(units),
        from_account: "1".into(),
        to_account: "2".into(),
    });
    Order { key: order_key(id), channel: Channel::Atm, body }
}

fn cancel(order: OrderKey) -> Cancel {
    Cancel { order, reason: Some("changed my mind".into()), channel: Channel::Web, batch: None }
}

fn amount(text: &str) -> Money {
    Decimal::parse(text).expect("a decimal").to_money(2).expect("an amount")
}

/// Anything that may be asked, among few products and few ids, so that things meet.
#[derive(Clone, Debug)]
enum Any {
    Place { id: u8, lines: Vec<(u8, i64, Option<i64>)>, shipping: Option<i64>, policy: u8 },
    Amend { id: u8, lines: Vec<(u8, i64, Option<i64>)>, shipping: Option<i64>, policy: u8 },
    Cancel(u8),
    Steps(u8),
    Step { id: u8, step: u8, news: u8, late: bool },
    Redrive(u8, u8),
    Fulfil(u8),
    Adjust { sku: u8, change: StockChange, newest: bool },
    Release(u8),
    Unknown(u8),
}

fn any_command() -> impl Strategy<Value = Any> {
    let line = (0..4_u8, 1..6_i64, prop::option::weighted(0.9, 0..5_000_000_i64));
    let lines = prop::collection::vec(line, 1..5);
    let shipping = prop::option::of(0..2_000_i64);
    let (other_lines, other_shipping) = (lines.clone(), shipping.clone());
    let change =
        prop_oneof![(-9..9_i64).prop_map(StockChange::By), (0..12_i64).prop_map(StockChange::To),];
    prop_oneof![
        6 => (0..40_u8, lines, shipping, 0..4_u8).prop_map(|(id, lines, shipping, policy)| {
            Any::Place { id, lines, shipping, policy }
        }),
        5 => (0..40_u8, other_lines, other_shipping, 0..4_u8).prop_map(
            |(id, lines, shipping, policy)| Any::Amend { id, lines, shipping, policy },
        ),
        1 => (0..40_u8).prop_map(Any::Cancel),
        1 => (0..4_u8).prop_map(Any::Steps),
        4 => (0..40_u8, 0..2_u8, 0..6_u8, prop::bool::weighted(0.1)).prop_map(
            |(id, step, news, late)| Any::Step { id, step, news, late },
        ),
        1 => (0..40_u8, 0..3_u8).prop_map(|(id, known)| Any::Redrive(id, known)),
        1 => (0..40_u8).prop_map(Any::Fulfil),
        3 => (0..4_u8, change, any::<bool>()).prop_map(|(sku, change, newest)| {
            Any::Adjust { sku, change, newest }
        }),
        2 => (0..4_u8).prop_map(Any::Release),
        1 => (0..4_u8).prop_map(Any::Unknown),
    ]
}

/// Rules of every stage, so that totals have something to add up.
fn rules() -> Vec<Rule> {
    let percent = |points| Percent::new(points).expect("a percentage");
    let rule = |id: &str, action| Rule {
        id: RuleId::parse(id).expect("a name"),
        priority: 0,
        exclusive: false,
        valid_from: None,
        valid_until: None,
        scope: Scope::default(),
        minimum_total: None,
        condition: None,
        action,
    };
    vec![
        rule("third", Action::BuyXGetY { buy: 2, get: 1, off: percent(5_000) }),
        rule("seventh", Action::OrderOff(Off::Percent(percent(1_429)))),
        rule("ship", Action::ShippingOff(Off::Fixed(Money(333)))),
        rule("tax", Action::Tax { percent: percent(725), include_shipping: true }),
    ]
}

fn steps() -> [StepName; 2] {
    ["fraud", "erp"].map(step_name)
}

fn do_any(world: &mut World, command: Any) {
    let key = |sku: u8| stock_key(["PEN", "CAP", "GUM", "other/PEN"][usize::from(sku)]);
    // Even ids are of the usual seller; refusals are as good an outcome as any.
    let id = |n: u8| order_key(&if n % 4 == 3 { format!("other/o{n}") } else { format!("o{n}") });
    let purchase =
        |n: u8, lines: Vec<(u8, i64, Option<i64>)>, shipping: Option<i64>, policy: u8| {
            let line = |(sku, quantity, price): (u8, i64, Option<i64>)| Line {
                sku: key(sku).sku,
                quantity,
                unit_price: price.map(UnitPrice),
            };
            let lines = lines.into_iter().map(line).collect();
            let policy = shortage(["partial", "ship_complete", "reject", ""][usize::from(policy)]);
            bought(id(n), lines, shipping.map(Money), policy)
        };
    match command {
        Any::Place { id: n, lines, shipping, policy } => {
            drop(world.receive(purchase(n, lines, shipping, policy)));
        }
        Any::Amend { id: n, lines, shipping, policy } => {
            drop(world.amend(purchase(n, lines, shipping, policy), None));
        }
        Any::Cancel(n) => drop(world.run(&Command::Cancel(cancel(id(n))))),
        Any::Steps(n) => world.steps = steps()[..usize::from(n.min(2))].to_vec(),
        Any::Step { id: n, step, news, late } => {
            let revision = world.orders.get(&id(n)).map_or(1, |order| order.revision);
            let news = match news {
                0 => StepNews::TakenUp,
                1 => StepNews::Removed,
                2 => StepNews::Said(Verdict::Refused { reason: "risky".into() }),
                3 => StepNews::Said(Verdict::Failed { error: "".into(), attempts: 1 }),
                _ => StepNews::Said(Verdict::Approved { note: None }),
            };
            let revision = revision.saturating_sub(u32::from(late));
            let step = steps()[usize::from(step)].clone();
            let report = StepReport { order: id(n), revision, step, news };
            drop(world.run(&Command::Step(Box::new(report))));
        }
        Any::Redrive(n, known) => {
            let known = steps()[..usize::from(known)].to_vec();
            let redrive = Redrive { order: id(n), known, channel: Channel::Api };
            drop(world.run(&Command::Redrive(redrive)));
        }
        Any::Fulfil(n) => drop(world.run(&Command::Fulfil { order: id(n) })),
        Any::Adjust { sku, change, newest } => {
            let below_reserved =
                if newest { BelowReserved::ReleaseNewest } else { BelowReserved::Refuse };
            let stock = key(sku);
            drop(world.adjust(AdjustStock { stock, change, below_reserved, reason: "".into() }));
        }
        Any::Release(sku) => drop(world.run(&Command::Release { stock: key(sku) })),
        Any::Unknown(n) => {
            use UnknownSku::{Backorder, ByMerchant, Reject, Untracked};
            world.policy.unknown_sku = [ByMerchant, Backorder, Reject, Untracked][usize::from(n)];
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_asked_stock_and_money_add_up(
        commands in prop::collection::vec(any_command(), 1..80),
    ) {
        let mut world = with_rules(rules());
        for command in commands {
            do_any(&mut world, command);
        }
    }

    #[test]
    fn a_release_leaves_nobody_waiting_whom_the_stock_would_fill(
        commands in prop::collection::vec(any_command(), 1..80),
        sku in 0..3_u8,
    ) {
        let mut world = World::default();
        for command in commands {
            do_any(&mut world, command);
        }
        let key = stock_key(["PEN", "CAP", "GUM"][usize::from(sku)]);
        world.run(&Command::Release { stock: key.clone() }).expect("a release is never refused");
        let free = world.stock.get(&key).map_or(0, |stock| stock.available());
        for (claim, order) in world.queue(&key, ClaimState::Waiting) {
            if order.shortage != ShortagePolicy::ShipComplete {
                prop_assert!(claim.quantity > free, "{order:?} of {free}");
                let waits = order.status == Status::Backordered || order.awaits().is_some();
                prop_assert!(waits, "{order:?}");
            }
        }
    }

    #[test]
    fn demand_is_summed_per_sku_in_the_order_skus_appear(
        lines in prop::collection::vec((0..9_u8, 1..100_i64), 1..60),
    ) {
        let sku = |n: u8| Sku::parse(&format!("S{n}")).expect("a name");
        let mut sums: Vec<(Sku, i64)> = Vec::new();
        for (n, quantity) in &lines {
            match sums.iter_mut().find(|(s, _)| *s == sku(*n)) {
                Some((_, sum)) => *sum += quantity,
                None => sums.push((sku(*n), *quantity)),
            }
        }
        let line = |(n, quantity)| Line { sku: sku(n), quantity, unit_price: None };
        let lines = Lines::parse(lines.into_iter().map(line).collect()).expect("sound lines");
        let demand: Vec<_> = lines.demand().into_iter().map(|(s, q)| (s.clone(), q)).collect();
        prop_assert_eq!(demand, sums);
    }
}
