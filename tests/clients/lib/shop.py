"""The shop of the examples: its database, and what the tests look at in it."""

from pathlib import Path

from servers import Cluster, harness

HERE = Path(__file__).resolve().parents[1]
DATABASE = "shop"
ROLES = ("shop_app", "shop_manager")
LAYOUT = {"columns": 3, "title": "Größe ≥ 2", "tags": ["new", "\"quoted\""]}

CONFIGURATION = r"""
INSERT INTO lotty.flag (key, value_type, default_value) VALUES
    ('checkout_button', 'string', '"grey"'), ('free_shipping_from', 'number', '49.90'),
    ('page_layout', 'json', '{"columns": 1}'), ('new_search', 'boolean', 'false'),
    ('banner', 'string', '"old"');
INSERT INTO lotty.experiment (flag_id, key, targeting)
SELECT f.flag_id, f.key || '_test', t.targeting FROM lotty.flag AS f JOIN (VALUES
    ('checkout_button', 'country = "DE"'), ('free_shipping_from', ''), ('page_layout', ''),
    ('new_search', 'device.name = "Größe" AND age >= 18.5 AND tags CONTAINS "beta"'), ('banner', '')
    ) AS t (flag, targeting) ON t.flag = f.key;
INSERT INTO lotty.variant (experiment_id, name, value)
SELECT e.experiment_id, v.name, v.value::jsonb FROM lotty.experiment AS e JOIN (VALUES
    ('checkout_button_test', 'blue', '"blue"'), ('checkout_button_test', 'green', '"green"'),
    ('free_shipping_from_test', 'lower', '39.90'), ('new_search_test', 'on', 'true'),
    ('page_layout_test', 'wide', '{"columns": 3, "title": "Größe ≥ 2", "tags": ["new", "\"quoted\""]}'),
    ('banner_test', 'only', '"new"')
    ) AS v (experiment, name, value) ON v.experiment = e.key;
UPDATE lotty.experiment SET status = 'running';

CREATE ROLE shop_manager LOGIN;
GRANT USAGE ON SCHEMA lotty TO shop_manager;
GRANT ALL ON ALL TABLES IN SCHEMA lotty TO shop_manager;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA lotty TO shop_manager;
GRANT EXECUTE ON FUNCTION lotty_decide(text, text, jsonb), lotty_evaluate(text, text, jsonb) TO shop_manager;
LOAD 'lotty';
GRANT SET ON PARAMETER lotty.max_concurrent_experiments TO shop_manager;
"""


def create(cluster):
    cluster.fresh_database(DATABASE)
    cluster.psql(file=HERE / "shop.sql", database=DATABASE)
    cluster.psql(data=CONFIGURATION, database=DATABASE, file="-")


def ask(cluster, sql):
    return cluster.psql(sql, database=DATABASE)


def rows_of(cluster, customer):
    """Orders of a customer, decisions, orders that have the very decision that was made."""
    return ask(cluster, f"""
        SELECT (SELECT count(*) FROM orders WHERE customer_id = '{customer}'),
               (SELECT count(*) FROM lotty.decision WHERE subject_id = '{customer}'),
               (SELECT count(*) FROM orders AS o JOIN lotty.decision AS d USING (decision_id)
                WHERE o.customer_id = '{customer}' AND d.subject_id = o.customer_id
                  AND d.value = o.button AND d.created_at = o.placed_at)""")


def databases(primary: Cluster, replica: Cluster):
    """What the clients find behind the pool, by how many server connections it has."""
    def at(cluster):
        socket = harness("cluster_socket_dir", cluster.name)
        return f"host={socket} port=5432 dbname={DATABASE}"

    repeatable = "connect_query='SET default_transaction_isolation = ''repeatable read'''"
    return {
        "shop": f"{at(primary)} pool_size=2",
        "shop_one": f"{at(primary)} pool_size=1",
        "shop_many": f"{at(primary)} pool_size=5",
        "shop_repeatable": f"{at(primary)} pool_size=5 {repeatable}",
        "shop_replica": at(replica),
    }
