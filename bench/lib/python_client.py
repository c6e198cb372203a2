"""Decides for known subjects over one connection: python_client.py sdk|lotty SECONDS SUBJECTS

sdk: as an application does it that uses Optimizely's SDK and keeps the decisions in PostgreSQL.
Prints {"rate": decisions for a second of processor time of this process and its backend}.
"""

import json
import random
import sys
import time
import uuid

import psycopg
from processor_time import processor_time

ATTRIBUTES = {"country": "DE", "age": 31}
DOCUMENT = json.dumps(ATTRIBUTES)
INSERT = """INSERT INTO lotty.decision (decision_id, flag_key, subject_id, experiment_id, variant_id, value, reason, created_at)
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


def by_sdk(cursor):
    from optimizely import logger, optimizely
    from optimizely.decision.optimizely_decide_option import OptimizelyDecideOption as Option
    client = optimizely.Optimizely(json.dumps(DATAFILE), logger=logger.NoOpLogger())
    # Events would go to Optimizely; here the row is the event.
    options = [Option.DISABLE_DECISION_EVENT]

    def decide(subject):
        decision = client.create_user_context(subject, ATTRIBUTES).decide("first", options)
        variant = decision.variation_key
        cursor.execute(INSERT, (uuid.uuid4(), "first", subject, EXPERIMENT, IDS[variant],
                                json.dumps(decision.variables["color"])), prepare=True)

    return decide


def by_lotty(cursor):
    def decide(subject):
        cursor.execute(DECIDE, (subject, DOCUMENT), prepare=True)
        cursor.fetchone()

    return decide


def main():
    way, seconds, subjects = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with psycopg.connect("", autocommit=True) as connection, connection.cursor() as cursor:
        decide = {"sdk": by_sdk, "lotty": by_lotty}[way](cursor)
        subject_of = random.Random(1).randint
        for _ in range(2000):
            decide(str(10_000_000_000 + subject_of(1, subjects)))
        backend = connection.info.backend_pid
        count, begin = 0, time.process_time() + processor_time(backend)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            decide(str(10_000_000_000 + subject_of(1, subjects)))
            count += 1
        spent = time.process_time() + processor_time(backend) - begin
    print(json.dumps({"rate": count / spent}))


main()
