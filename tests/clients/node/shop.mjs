import pg from 'pg';

export function connect(address) {
  const pool = new pg.Pool({ connectionString: address, max: 10 });
  // Without this, a connection that breaks while nobody uses it ends the process.
  pool.on('error', (error) => console.error(`idle connection: ${error.message}`));
  return pool;
}

// `db` is a pool, or the client of a transaction. The answer is recorded; its value is a
// string, boolean, number, object, array or null.
export async function decide(db, flag, subject, attrs) {
  const { rows } = await db.query(
    'SELECT value, reason, decision_id FROM lotty_decide($1, $2, $3)',
    [flag, subject, attrs], // an object becomes JSON; an array would not: JSON.stringify it
  );
  return rows[0];
}

// BEGIN and COMMIT must reach the same connection, so not pool.query('BEGIN').
export async function transaction(pool, work) {
  const client = await pool.connect();
  let broken;
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch((reason) => { broken = reason; });
    throw error;
  } finally {
    client.release(broken); // a connection that cannot roll back is thrown away
  }
}

// Decision and order commit together, or neither is there.
export function placeOrder(pool, orderId, customer, attrs) {
  return transaction(pool, async (client) => {
    await client.query("SET LOCAL lock_timeout = '1s'");
    const button = await decide(client, 'checkout_button', customer, attrs);
    await client.query(
      'INSERT INTO orders (order_id, customer_id, button, decision_id) VALUES ($1, $2, $3, $4)',
      [orderId, customer, JSON.stringify(button.value), button.decision_id],
    );
    return button.value;
  });
}

// Serialization failure, deadlock, lock timeout. The transaction is gone, with its decision,
// and can be made again from its beginning.
const AGAIN = ['40001', '40P01', '55P03'];

export async function retry(work, tries = 5) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt === tries || !AGAIN.includes(error.code)) throw error;
      await new Promise((wake) => { setTimeout(wake, Math.random() * 20 * 2 ** attempt); });
    }
  }
}

// Decides for { subject: attributes } in one statement: a Map of subject and value.
export async function decideForAll(db, flag, subjects) {
  const list = Object.entries(subjects).map(([id, attrs]) => ({ id, attrs }));
  const { rows } = await db.query(
    `SELECT s.id, d.value
     FROM (SELECT * FROM jsonb_to_recordset($1) AS r (id text, attrs jsonb) ORDER BY id) AS s
     CROSS JOIN LATERAL lotty_decide($2, s.id, s.attrs) AS d`,
    [JSON.stringify(list), flag],
  );
  return new Map(rows.map((row) => [row.id, row.value]));
}

// The same answer from a connection that cannot write. Nothing is recorded.
export async function preview(replica, flag, subject, attrs) {
  const { rows } = await replica.query('SELECT value FROM lotty_evaluate($1, $2, $3)', [flag, subject, attrs]);
  return rows[0].value;
}
