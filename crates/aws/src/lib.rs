//! Comanda on AWS: the ledger on DynamoDB, and the functions of one Lambda artifact.
