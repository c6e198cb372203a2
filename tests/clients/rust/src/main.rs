//! Does with shop.rs what the tests say: a JSON document a line in, one out.

use std::collections::HashMap;
use std::io::stdin;

use serde_json::{Value, json};
use tokio_postgres::types::{Json, Type};
use tokio_postgres::{Client, Error, SimpleQueryMessage, Statement};

mod shop;

const NAMED: &str = "SELECT value FROM lotty_decide($1, $2, $3)";

struct Connection {
    client: Client,
    named: Option<Statement>,
}

fn ask() -> Value {
    let mut line = String::new();
    match stdin().read_line(&mut line) {
        Ok(length) if length > 0 => serde_json::from_str(&line).expect("a line of JSON"),
        _ => std::process::exit(0),
    }
}

fn text<'a>(asked: &'a Value, field: &str) -> &'a str {
    asked[field]
        .as_str()
        .unwrap_or_else(|| panic!("{field} is missing"))
}

/// A number as it is written, so that the tests see what became of its digits.
fn shown(value: Option<Value>) -> Value {
    match value {
        None | Some(Value::Null) => json!({"value": null, "type": "null"}),
        Some(Value::Number(number)) => json!({"value": number.to_string(), "type": "number"}),
        Some(Value::Bool(value)) => json!({"value": value, "type": "boolean"}),
        Some(Value::String(value)) => json!({"value": value, "type": "string"}),
        Some(Value::Array(value)) => json!({"value": value, "type": "array"}),
        Some(Value::Object(value)) => json!({"value": value, "type": "object"}),
    }
}

fn with(mut shown: Value, field: &str, value: Value) -> Value {
    shown[field] = value;
    shown
}

/// An order whose transaction stays open until the next line says how it ends.
async fn hold(client: &mut Client, asked: &Value) -> Result<Value, Error> {
    let transaction = client.transaction().await?;
    let customer = text(asked, "customer");
    let button = shop::decide(&transaction, "checkout_button", customer, &asked["attrs"]).await?;
    transaction
        .execute_typed(
            "INSERT INTO orders (order_id, customer_id, button, decision_id) VALUES ($1, $2, $3, $4)",
            &[
                (&asked["order"].as_i64(), Type::INT8),
                (&customer, Type::TEXT),
                (&button.value.as_ref().map(Json), Type::JSONB),
                (&button.decision_id, Type::UUID),
            ],
        )
        .await?;
    println!("{}", shown(button.value));
    match text(&ask(), "end") {
        "rollback" => transaction.rollback().await?,
        _ => transaction.commit().await?,
    }
    Ok(json!({}))
}

async fn place_order(client: &mut Client, asked: &Value) -> Result<Value, Error> {
    let (order, customer) = (asked["order"].as_i64(), text(asked, "customer"));
    let mut attempts = 0;
    let value = shop::retry(client, 5, async |client| {
        attempts += 1;
        shop::place_order(client, order.unwrap_or(0), customer, &asked["attrs"]).await
    })
    .await?;
    Ok(with(shown(value), "attempts", json!(attempts)))
}

/// What happens with a statement prepared by name.
async fn named(connection: &mut Connection, asked: &Value) -> Result<Value, Error> {
    let client = &connection.client;
    let statement = match &connection.named {
        Some(statement) => statement.clone(),
        None => client.prepare(NAMED).await?,
    };
    connection.named = Some(statement.clone());
    let (flag, subject) = (text(asked, "flag"), text(asked, "subject"));
    let row = client
        .query_one(&statement, &[&flag, &subject, &Json(&asked["attrs"])])
        .await?;
    Ok(shown(row.try_get(0)?))
}

async fn pid(client: &Client) -> Result<Value, Error> {
    let row = client
        .query_typed_one("SELECT pg_backend_pid()", &[])
        .await?;
    let pid: i32 = row.try_get(0)?;
    Ok(json!({"pid": pid}))
}

async fn command(
    connections: &mut HashMap<String, Connection>,
    asked: &Value,
) -> Result<Value, Error> {
    let (call, name) = (text(asked, "call"), text(asked, "conn").to_owned());
    if call == "connect" {
        let client = shop::connect(text(asked, "address")).await?;
        let named = None;
        connections.insert(name, Connection { client, named });
        return Ok(json!({}));
    }
    let connection = connections.get_mut(&name).expect("a connection");
    let client = &mut connection.client;
    let flag = asked["flag"].as_str().unwrap_or("");
    let subject = asked["subject"].as_str().unwrap_or("");
    match call {
        "pid" => pid(client).await,
        "run" => {
            let done: Vec<SimpleQueryMessage> = client.simple_query(text(asked, "sql")).await?;
            Ok(json!({"messages": done.len()}))
        }
        "decide" => {
            let decided = shop::decide(client, flag, subject, &asked["attrs"]).await?;
            let answer = with(shown(decided.value), "reason", json!(decided.reason));
            let id = decided.decision_id.map(|id| id.to_string());
            Ok(with(answer, "decision_id", json!(id)))
        }
        "place_order" => place_order(client, asked).await,
        "hold" => hold(client, asked).await,
        "decide_for_all" => {
            let subjects: HashMap<String, Value> =
                serde_json::from_value(asked["subjects"].clone()).expect("subjects");
            let values = shop::decide_for_all(client, flag, &subjects).await?;
            Ok(json!({ "values": values }))
        }
        "preview" => Ok(shown(
            shop::preview(client, flag, subject, &asked["attrs"]).await?,
        )),
        "named" => named(connection, asked).await,
        _ => panic!("unknown call {call}"),
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() {
    let mut connections = HashMap::new();
    loop {
        let asked = ask();
        let answer = match command(&mut connections, &asked).await {
            Ok(answer) => answer,
            Err(error) => {
                let code = error.code().map(|code| code.code().to_owned());
                let database = error.as_db_error();
                json!({
                    "sqlstate": code,
                    "error": database.map_or(error.to_string(), |error| error.message().to_owned()),
                    "hint": database.and_then(|error| error.hint()),
                })
            }
        };
        println!("{answer}");
    }
}
