use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{Json, Type};
use tokio_postgres::{Client, Error, GenericClient, NoTls};
use uuid::Uuid;

pub struct Decision {
    pub value: Option<Value>,
    pub reason: String,
    pub decision_id: Option<Uuid>,
}

pub async fn connect(address: &str) -> Result<Client, Error> {
    let (client, connection) = tokio_postgres::connect(address, NoTls).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            eprintln!("connection: {error}");
        }
    });
    Ok(client)
}

/// The answer, recorded. The `_typed` calls prepare nothing by name; they take the types of the
/// arguments instead. `reason` is an enum of Lotty's, which the driver would have to look up
/// with a statement that it prepares by name, so it is taken as text.
pub async fn decide(
    db: &impl GenericClient,
    flag: &str,
    subject: &str,
    attrs: &Value,
) -> Result<Decision, Error> {
    let row = db
        .query_typed_one(
            "SELECT value, reason::text, decision_id FROM lotty_decide($1, $2, $3)",
            &[
                (&flag, Type::TEXT),
                (&subject, Type::TEXT),
                (&Json(attrs), Type::JSONB),
            ],
        )
        .await?;
    Ok(Decision {
        value: row.try_get("value")?,
        reason: row.try_get("reason")?,
        decision_id: row.try_get("decision_id")?,
    })
}

/// Decision and order commit together, or neither is there.
pub async fn place_order(
    client: &mut Client,
    order_id: i64,
    customer: &str,
    attrs: &Value,
) -> Result<Option<Value>, Error> {
    let transaction = client.transaction().await?;
    transaction
        .batch_execute("SET LOCAL lock_timeout = '1s'")
        .await?;
    let button = decide(&transaction, "checkout_button", customer, attrs).await?;
    transaction
        .execute_typed(
            "INSERT INTO orders (order_id, customer_id, button, decision_id) VALUES ($1, $2, $3, $4)",
            &[
                (&order_id, Type::INT8),
                (&customer, Type::TEXT),
                (&button.value.as_ref().map(Json), Type::JSONB),
                (&button.decision_id, Type::UUID),
            ],
        )
        .await?;
    transaction.commit().await?;
    Ok(button.value)
}

/// Whether the transaction is gone, with its decision, and can be made again from its beginning.
pub fn again(error: &Error) -> bool {
    const AGAIN: [SqlState; 3] = [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::LOCK_NOT_AVAILABLE,
    ];
    error.code().is_some_and(|code| AGAIN.contains(code))
}

pub async fn retry<T>(
    client: &mut Client,
    tries: u32,
    mut work: impl AsyncFnMut(&mut Client) -> Result<T, Error>,
) -> Result<T, Error> {
    for attempt in 1..tries {
        match work(client).await {
            Err(error) if again(&error) => {
                tokio::time::sleep(Duration::from_millis(10 << attempt)).await;
            }
            finished => return finished,
        }
    }
    work(client).await
}

/// Decides for many subjects, each with its attributes, in one statement.
pub async fn decide_for_all(
    db: &impl GenericClient,
    flag: &str,
    subjects: &HashMap<String, Value>,
) -> Result<HashMap<String, Option<Value>>, Error> {
    let list: Vec<Value> = subjects
        .iter()
        .map(|(id, attrs)| json!({"id": id, "attrs": attrs}))
        .collect();
    let rows = db
        .query_typed(
            "SELECT s.id, d.value
             FROM (SELECT * FROM jsonb_to_recordset($1) AS r (id text, attrs jsonb) ORDER BY id) AS s
             CROSS JOIN LATERAL lotty_decide($2, s.id, s.attrs) AS d",
            &[(&Json(list), Type::JSONB), (&flag, Type::TEXT)],
        )
        .await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect()
}

/// The same answer from a connection that cannot write. Nothing is recorded.
pub async fn preview(
    replica: &impl GenericClient,
    flag: &str,
    subject: &str,
    attrs: &Value,
) -> Result<Option<Value>, Error> {
    replica
        .query_typed_one(
            "SELECT value FROM lotty_evaluate($1, $2, $3)",
            &[
                (&flag, Type::TEXT),
                (&subject, Type::TEXT),
                (&Json(attrs), Type::JSONB),
            ],
        )
        .await?
        .try_get(0)
}
