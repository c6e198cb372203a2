"""Decides for known subjects over one connection: python_client.py WAY SECONDS SUBJECTS

sdk, sdk_batch: as an application does it that uses Optimizely's SDK and keeps the decisions in
PostgreSQL, each in a transaction of its own or a thousand at a time. lotty, lotty_bulk: one decision a
statement, or all subjects in one. Prints {"rate": decisions a second of one core}, which this process
and its backend share.
"""

import json
import random
import sys
import time
import uuid

import psycopg
from one_core import share_a_core

ATTRIBUTES = {"country": "DE", "age": 31}
DOCUMENT = json.dumps(ATTRIBUTES)
INSERT = """INSERT INTO lotty.decision_default (decision_id, flag_key, subject_id, experiment_id, variant_id, value, reason, created_at)
            VALUES (%s, %s, %s, %s, %s, %s, 'experiment_assigned', now())"""
DECIDE = "SELECT * FROM lotty_decide('first', %s, %s)"
IDS = {"blue": uuid.uuid4(), "green": uuid.uuid4()}
EXPERIMENT = uuid.uuid4()

DATAFILE = {
    "version": "4", "projectId": "1", "accountId": "1", "revision": "1", "anonymizeIP": False,
    "botFiltering": False, "attributes": [{"id": "1", "key": "country"}, {"id": "2", "key": "age"}],
    "audiences": [{"id": "$opt_dummy_audience", "name": "-", "conditions": "[]"}],
    "typedAudiences": [{"id": "10", "name": "grown-up Germans", "conditions": [
        "and", ["or", ["or", {"name": "country", "type": "custom_attribute", "match": "exact", "value": "DE"}]],
        ["or", ["or", {"name": "age", "type": "custom_attribute", "match": "ge", "value": 18}]]]}],
    "events": [], "groups": [], "rollouts": [],
    "featureFlags": [{"id": "20", "key": "first", "rolloutId": "", "experimentIds": ["30"],
                      "variables": [{"id": "40", "key": "color", "type": "string", "defaultValue": "blue"}]}],
    "experiments": [{
        "id": "30", "key": "first", "layerId": "31", "status": "Running", "audienceIds": ["10"],
        "audienceConditions": ["or", "10"], "forcedVariations": {},
        "trafficAllocation": [{"entityId": "50", "endOfRange": 5000}, {"entityId": "51", "endOfRange": 10000}],
        "variations": [
            {"id": "50", "key": "blue", "featureEnabled": True, "variables": [{"id": "40", "value": "blue"}]},
            {"id": "51", "key": "green", "featureEnabled": True, "variables": [{"id": "40", "value": "green"}]}]}],
}


BULK = f"""SELECT count(d.decision_id) FROM generate_series(1, %s) AS s
           CROSS JOIN LATERAL lotty_decide('first', (10000000000 + s)::text, '{DOCUMENT}') AS d"""
BATCH = 1000


def row_by_sdk():
    from optimizely import logger, optimizely
    from optimizely.decision.optimizely_decide_option import OptimizelyDecideOption as Option
    client = optimizely.Optimizely(json.dumps(DATAFILE), logger=logger.NoOpLogger())
    # Events would go to Optimizely; here the row is the event.
    options = [Option.DISABLE_DECISION_EVENT]

    def row(subject):
        decision = client.create_user_context(subject, ATTRIBUTES).decide("first", options)
        return (uuid.uuid4(), "first", subject, EXPERIMENT, IDS[decision.variation_key],
                json.dumps(decision.variables["color"]))

    return row


# Each makes a function that decides for some subjects and answers for how many.


def sdk(cursor, subject):
    row = row_by_sdk()

    def decide():
        cursor.execute(INSERT, row(subject()), prepare=True)
        return 1

    return decide


def sdk_batch(cursor, subject):
    row = row_by_sdk()

    def decide():
        with cursor.connection.transaction():
            cursor.executemany(INSERT, [row(subject()) for _ in range(BATCH)])
        return BATCH

    return decide


def lotty(cursor, subject):
    def decide():
        cursor.execute(DECIDE, (subject(), DOCUMENT), prepare=True)
        cursor.fetchone()
        return 1

    return decide


def lotty_bulk(cursor, subjects):
    def decide():
        cursor.execute(BULK, (subjects,))
        return cursor.fetchone()[0]

    return decide


def main():
    way, seconds, subjects = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    number = random.Random(1).randint
    with psycopg.connect("", autocommit=True) as connection, connection.cursor() as cursor:
        share_a_core(0, connection.info.backend_pid)
        if way == "lotty_bulk":
            decide = lotty_bulk(cursor, subjects)
        else:
            subject = lambda: str(10_000_000_000 + number(1, subjects))  # noqa: E731
            decide = {"sdk": sdk, "sdk_batch": sdk_batch, "lotty": lotty}[way](cursor, subject)
        for _ in range(1 if "b" in way else 2000):
            decide()
        count, begin = 0, time.monotonic()
        while time.monotonic() < begin + seconds:
            count += decide()
        spent = time.monotonic() - begin
    print(json.dumps({"rate": count / spent}))


main()
