// Does with shop.mjs what the tests say: a JSON document a line in, one out.

import { createInterface } from 'node:readline';
import * as shop from './shop.mjs';

const NAMED = { name: 'decide', text: 'SELECT value FROM lotty_decide($1, $2, $3)' };
const connections = new Map();
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function ask() {
  const { value, done } = await lines.next();
  if (done) process.exit(0);
  return JSON.parse(value);
}

const answer = (fields) => process.stdout.write(`${JSON.stringify(fields)}\n`);

function typeOf(value) {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

// A number as it is written, so that the tests see what became of its digits.
const shown = (value) => ({
  value: typeof value === 'number' ? String(value) : value, type: typeOf(value),
});

const COMMANDS = {
  async connect({ conn, address }) {
    const pool = shop.connect(address);
    pool.options.max = 1; // so that the tests know which connection is used
    connections.set(conn, pool);
    return {};
  },
  async pid({ conn }) {
    const { rows } = await connections.get(conn).query('SELECT pg_backend_pid() AS pid');
    return rows[0];
  },
  async run({ conn, sql }) {
    await connections.get(conn).query(sql);
    return {};
  },
  async decide({ conn, flag, subject, attrs }) {
    const row = await shop.decide(connections.get(conn), flag, subject, attrs);
    return { ...row, ...shown(row.value) };
  },
  async place_order({ conn, order, customer, attrs }) {
    let attempts = 0;
    const value = await shop.retry(() => {
      attempts += 1;
      return shop.placeOrder(connections.get(conn), order, customer, attrs);
    });
    return { ...shown(value), attempts };
  },
  // An order whose transaction stays open until the next line says how it ends.
  async hold({ conn, order, customer, attrs }) {
    const held = new Error('rolled back on purpose');
    const work = async (client) => {
      const button = await shop.decide(client, 'checkout_button', customer, attrs);
      await client.query(
        'INSERT INTO orders (order_id, customer_id, button, decision_id) VALUES ($1, $2, $3, $4)',
        [order, customer, JSON.stringify(button.value), button.decision_id],
      );
      answer(shown(button.value));
      if ((await ask()).end === 'rollback') throw held;
    };
    await shop.transaction(connections.get(conn), work).catch((error) => {
      if (error !== held) throw error;
    });
    return {};
  },
  async decide_for_all({ conn, flag, subjects }) {
    const values = await shop.decideForAll(connections.get(conn), flag, subjects);
    return { values: Object.fromEntries(values) };
  },
  async preview({ conn, flag, subject, attrs }) {
    return shown(await shop.preview(connections.get(conn), flag, subject, attrs));
  },
  // What happens with a statement prepared by name.
  async named({ conn, flag, subject, attrs }) {
    const { rows } = await connections.get(conn).query({ ...NAMED, values: [flag, subject, attrs] });
    return shown(rows[0].value);
  },
};

for (;;) {
  const { call, ...asked } = await ask();
  try {
    answer(await COMMANDS[call](asked));
  } catch (error) {
    if (!error.code) throw error;
    answer({ sqlstate: error.code, error: error.message, hint: error.hint ?? null });
  }
}
