//! What every test needs: a store's folder, the program in it, HTTP to it, and seeded chance.

mod aws;
mod chance;
mod documents;
mod home;
mod http;
mod peers;

pub(crate) use aws::Aws;
pub(crate) use chance::Chance;
pub(crate) use documents::{
    document, json_lines, order_id, priced_order, sampled, simple_order, stock_rows,
};
pub(crate) use home::{Home, Ran, Server, comanda, run, run_with_input, until};
pub(crate) use http::{Answer, Http};
pub(crate) use peers::python;
