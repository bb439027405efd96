//! What clients of PostgreSQL expect to find besides tables: `pg_catalog`, and functions that say
//! who and where they are.
//!
//! Never: a name of a person, or of a key other than the client's own.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;
use datafusion_pg_catalog::pg_catalog::context::{PgCatalogContextProvider, Role};
use datafusion_pg_catalog::pg_catalog::setup_pg_catalog;

use super::variables::{SERVER_VERSION, Variables};

/// The one role that the catalogue has: it reads.
const ROLE: &str = "reader";
/// Whose everything in it is.
const OWNER: &str = "comanda";

/// What sessions are made from.
pub(super) struct Catalogue(SessionContext);

impl Catalogue {
    /// Puts the catalogue beside an engine's tables.
    pub(super) fn new(engine: SessionContext) -> Result<Self> {
        let database = engine.state().config_options().catalog.default_catalog.clone();
        setup_pg_catalog(&engine, &database, Roles).map_err(|error| *error)?;
        says(&engine, "version", &[], format!("PostgreSQL {SERVER_VERSION}").into());
        says(&engine, "pg_get_userbyid", &[DataType::Int32], OWNER.into());
        let named = [DataType::Utf8, DataType::Utf8];
        says(&engine, "pg_get_serial_sequence", &named, ScalarValue::Utf8(None));
        says(&engine, "pg_table_size", &[DataType::Int32], ScalarValue::Int64(None));
        says(&engine, "pg_size_pretty", &[DataType::Int64], ScalarValue::Utf8(None));
        let described = [DataType::Int32, DataType::Utf8];
        says(&engine, "obj_description", &described, ScalarValue::Utf8(None));
        let described = [DataType::Int32, DataType::Int32];
        says(&engine, "col_description", &described, ScalarValue::Utf8(None));
        engine.register_udf(current_setting());
        // Types that are looked up by name are extensions': there are none.
        says(&engine, "to_regtype", &[DataType::Utf8], ScalarValue::Int32(None));
        Ok(Self(engine))
    }

    /// A session for a user. What it registers and sets is its own.
    pub(super) fn session(&self, user: &str) -> SessionContext {
        let mut config = self.0.copied_config();
        config.options_mut().execution.time_zone = Some("UTC".to_owned());
        let state = SessionStateBuilder::new_from_existing(self.0.state());
        let state = state.with_config(config).build();
        let session = SessionContext::new_with_state(state);
        says(&session, "session_user", &[], user.into());
        says(&session, "current_user", &[], user.into());
        session
    }
}

/// What a setting is at the beginning of a session; none, where there is no such setting.
fn current_setting() -> ScalarUDF {
    let asked = vec![DataType::Utf8];
    let say = |names: &[ColumnarValue]| {
        let [ColumnarValue::Scalar(ScalarValue::Utf8(Some(name)))] = names else {
            return Ok(ColumnarValue::Scalar(ScalarValue::Utf8(None)));
        };
        let value = Variables::default().show(name).ok().map(|(_, value)| value);
        Ok(ColumnarValue::Scalar(ScalarValue::Utf8(value)))
    };
    create_udf("current_setting", asked, DataType::Utf8, Volatility::Stable, Arc::new(say))
}

/// A function that says the same whatever it is asked.
fn says(context: &SessionContext, name: &str, asked: &[DataType], answer: ScalarValue) {
    let (asked, returns) = (asked.to_vec(), answer.data_type());
    let say = move |_: &[ColumnarValue]| Ok(ColumnarValue::Scalar(answer.clone()));
    context.register_udf(create_udf(name, asked, returns, Volatility::Stable, Arc::new(say)));
}

#[derive(Clone, Debug)]
struct Roles;

#[async_trait]
impl PgCatalogContextProvider for Roles {
    async fn roles(&self) -> Vec<String> {
        vec![ROLE.to_owned()]
    }

    async fn role(&self, name: &str) -> Option<Role> {
        (name == ROLE).then(|| Role {
            name: ROLE.to_owned(),
            is_superuser: false,
            can_login: true,
            can_create_db: false,
            can_create_role: false,
            can_create_user: false,
            can_replication: false,
            grants: Vec::new(),
            inherited_roles: Vec::new(),
        })
    }
}
