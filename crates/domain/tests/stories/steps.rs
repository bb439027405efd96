//! Stories of external steps: every state with every command, and answers that come too late.

use crate::lifecycle::check;

#[test]
fn an_order_is_allocated_when_its_last_step_passes() {
    check(
        "stock PEN 3
         steps fraud erp
         place o1 PEN*2    => received o1 PEN open
         waits o1          => fraud
         counters PEN      => PEN 3/0/0
         take o1 fraud     => processing o1 PEN open
         take o1 fraud     => nothing
         pass o1 fraud     => processing o1 PEN open
         waits o1          => erp
         steps
         place o2 PEN*2    => completed o2 PEN reserved
         pass o1 erp       => backordered o1 PEN waiting; short PEN 1 of 2
         waits o1          => nothing
         steps fraud
         place o3 PEN*2 reject
         pass o3 fraud     => rejected o3 PEN open; out_of_stock PEN 1 of 2
         transfer t1 1.00  => received t1
         pass t1 fraud     => completed t1",
    );
}

#[test]
fn a_step_turns_an_order_down_or_comes_to_nothing() {
    check(
        "stock PEN 3
         steps fraud erp
         place o1 PEN*1
         refuse o1 fraud => rejected o1 PEN open; step_refused fraud risky
         notices         => o1 order.received, o1 order.rejected
         place o2 PEN*1
         pass o2 fraud
         fail o2 erp     => failed o2 PEN open
         waits o2        => nothing
         counters PEN    => PEN 3/0/0
         place o1 PEN*1  => refused duplicate REJECTED
         place o2 PEN*1  => refused duplicate FAILED",
    );
}

#[test]
fn an_answer_that_nobody_waits_for_changes_nothing() {
    check(
        "stock PEN 9
         steps fraud erp
         place o1 PEN*1
         pass o1 erp         => received o1 PEN open; ignored
         pass o1 fraud of 2  => received o1 PEN open; ignored
         drop o1 erp         => nothing
         pass o1 fraud       => processing o1 PEN open
         pass o1 fraud       => processing o1 PEN open; ignored
         refuse o1 fraud     => processing o1 PEN open; ignored
         pass o1 erp         => completed o1 PEN reserved
         refuse o1 erp       => completed o1 PEN reserved; ignored
         amend o1 PEN*2      => received o1 PEN reserved, PEN open
         refuse o1 fraud of 1 => received o1 PEN reserved, PEN open; ignored
         take o1 fraud of 1  => nothing
         refuse o1 fraud     => rejected o1 PEN open, PEN open; step_refused fraud risky
         counters PEN        => PEN 9/0/0
         pass o1 fraud       => rejected o1 PEN open, PEN open; ignored
         pass o9 fraud       => refused unknown_order
         take o9 fraud       => refused unknown_order",
    );
}

#[test]
fn while_its_steps_are_asked_an_order_is_amended_and_cancelled_and_nothing_else() {
    check(
        "stock PEN 3
         steps fraud
         place o1 PEN*2
         fulfil o1            => refused wrong_state RECEIVED
         redrive o1 fraud     => refused wrong_state RECEIVED
         amend o1 PEN*4 CAP*1 => received o1 PEN open, CAP open
         take o1 fraud        => processing o1 PEN open, CAP open
         fulfil o1            => refused wrong_state PROCESSING
         redrive o1 fraud     => refused wrong_state PROCESSING
         amend o1 PEN*4       => received o1 PEN open
         revision o1          => 3
         pass o1 fraud        => backordered o1 PEN waiting; short PEN 3 of 4
         redrive o1 fraud     => refused wrong_state BACKORDERED
         place o2 PEN*1
         cancel o2            => cancelled o2 PEN open
         redrive o2 fraud     => refused wrong_state CANCELLED
         place o3 PEN*1
         take o3 fraud
         cancel o3            => cancelled o3 PEN open
         pass o3 fraud        => cancelled o3 PEN open; ignored
         place o4 PEN*1
         amend o4 if 7 PEN*2  => refused stale_revision 1
         steps
         amend o4 PEN*1       => backordered o4 PEN waiting; short PEN 3 of 1
         cancel o1
         release PEN          => completed o4 PEN reserved
         redrive o4 fraud     => refused wrong_state COMPLETED
         fulfil o4
         redrive o4 fraud     => refused wrong_state FULFILLED
         redrive o9           => refused unknown_order",
    );
}

#[test]
fn a_failed_order_is_redriven_or_cancelled_and_nothing_else() {
    check(
        "stock PEN 3
         steps fraud erp
         place o1 PEN*2
         pass o1 fraud
         fail o1 erp
         amend o1 PEN*1        => refused wrong_state FAILED
         fulfil o1             => refused wrong_state FAILED
         pass o1 erp           => failed o1 PEN open; ignored
         redrive o1 fraud erp  => received o1 PEN open
         waits o1              => fraud
         take o1 fraud         => processing o1 PEN open
         pass o1 fraud
         pass o1 erp           => completed o1 PEN reserved
         place o2 PEN*1
         fail o2 fraud
         cancel o2             => cancelled o2 PEN open
         redrive o2 fraud      => refused wrong_state CANCELLED",
    );
}

#[test]
fn a_step_that_is_there_no_more_strands_nobody() {
    check(
        "stock PEN 3
         steps fraud erp
         place o1 PEN*1
         drop o1 fraud     => received o1 PEN open
         waits o1          => erp
         drop o1 erp       => completed o1 PEN reserved
         place o2 PEN*1
         fail o2 fraud
         redrive o2 erp    => received o2 PEN open
         waits o2          => erp
         fail o2 erp
         redrive o2        => completed o2 PEN reserved
         place o3 PEN*2 reject
         fail o3 fraud
         redrive o3        => rejected o3 PEN open; out_of_stock PEN 1 of 2",
    );
}

#[test]
fn an_amended_order_keeps_what_it_has_and_where_it_waits_while_its_steps_are_asked() {
    check(
        "stock PEN 2
         place o1 PEN*2       => completed o1 PEN reserved
         place o2 PEN*2
         place o3 PEN*2
         steps fraud
         amend o1 PEN*3       => received o1 PEN reserved, PEN open
         amend o2 PEN*1       => received o2 PEN waiting
         counters PEN         => PEN 2/2/3
         restock PEN 1
         release PEN          => received o2 PEN reserved
         pass o2 fraud        => completed o2 PEN reserved
         restock PEN 2
         release PEN          => completed o3 PEN reserved
         fail o1 fraud        => failed o1 PEN open, PEN open
         counters PEN         => PEN 5/3/0
         redrive o1 fraud
         pass o1 fraud        => backordered o1 PEN reserved, PEN waiting; short PEN 0 of 1",
    );
}

#[test]
fn what_ships_complete_is_not_filled_while_its_steps_are_asked() {
    check(
        "policy ship_complete
         stock PEN 1
         stock CAP 1
         place o1 PEN*2 CAP*1 => backordered o1 PEN waiting, CAP standby; short PEN 1 of 2
         steps fraud
         amend o1 PEN*3 CAP*1 => received o1 PEN waiting, PEN open, CAP standby
         restock PEN 2
         release PEN          => nothing
         pass o1 fraud        => completed o1 PEN reserved, CAP reserved",
    );
}
