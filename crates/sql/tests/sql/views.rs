//! The ready-made views fit the tables.

use crate::fake::{self, Fake, rows};
use lake::table::Table;

#[test]
fn every_view_can_be_asked_with_the_columns_it_says() {
    let fake = Fake::empty();
    let tables = Table::ALL.map(|table| (table, table.schema()));
    let engine = sql::Engine::open(fake.clone(), &tables, fake::limits(&fake), || {}).unwrap();
    engine.add_views().unwrap();
    for view in sql::views::ALL {
        let said: Vec<&str> = view.columns().map(|(name, _)| name).collect();
        let sql = format!("SELECT {} FROM {}", said.join(", "), view.name);
        assert_eq!(rows(&engine, &sql).unwrap(), Vec::<String>::new(), "{}", view.name);
        let described = rows(&engine, &format!("DESCRIBE {}", view.name)).unwrap();
        assert_eq!(described.len(), said.len(), "{}", view.name);
    }
    let tables = rows(&engine, "SHOW TABLES").unwrap();
    assert!(tables.iter().any(|row| row == "comanda,public,revenue_by_day,VIEW"), "{tables:?}");
}
