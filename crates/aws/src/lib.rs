//! Comanda on AWS: the ledger on DynamoDB, and the functions of one Lambda artifact.

pub mod clients;
pub mod functions;
pub mod ledger;
pub mod run;
pub mod settings;
