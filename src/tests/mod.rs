//! Tests of the boundary, run inside a server by `cargo pgrx test`. What users see is in
//! `tests/pg_regress`, what several sessions do in `tests/isolation`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[pgrx::pg_schema]
mod tests {
    use lotty_core::bucket::bucket;
    use pgrx::prelude::*;

    /// A flag with one running experiment for everyone, and two variants.
    fn make_experiment(key: &str) {
        Spi::run(&format!(
            "INSERT INTO lotty.flag (key, value_type, default_value) VALUES ('{key}', 'string', '\"default\"');
             INSERT INTO lotty.experiment (flag_id, key, status)
                 SELECT flag_id, key, 'running' FROM lotty.flag WHERE key = '{key}';
             INSERT INTO lotty.variant (experiment_id, name, value)
                 SELECT experiment_id, v, to_jsonb(v) FROM lotty.experiment, unnest(ARRAY['a', 'b']) v
                  WHERE key = '{key}';"
        ))
        .unwrap();
    }

    fn text(query: &str) -> String {
        Spi::get_one::<String>(query).unwrap().unwrap()
    }

    fn number(query: &str) -> i64 {
        Spi::get_one::<i64>(query).unwrap().unwrap()
    }

    /// The SQLSTATE with which a statement fails; it is undone by a subtransaction.
    fn sqlstate(statement: &str) -> String {
        let quoted = statement.replace('\'', "''");
        Spi::run(&format!(
            "CREATE OR REPLACE FUNCTION pg_temp.code() RETURNS text LANGUAGE plpgsql AS $f$
             BEGIN EXECUTE '{quoted}'; RETURN 'ok'; EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE; END $f$"
        ))
        .unwrap();
        text("SELECT pg_temp.code()")
    }

    #[pg_test]
    fn the_bucket_in_sql_is_the_engines() {
        for subject in ["", "u", "ä:b", "日本", "a\u{1}b"] {
            let in_sql = Spi::get_one_with_args::<i32>(
                "SELECT lotty_bucket($1, 'k', 'allocation')",
                &[subject.into()],
            );
            assert_eq!(
                in_sql.unwrap().unwrap(),
                i32::from(bucket(subject, "k", "allocation").get())
            );
        }
    }

    #[pg_test]
    fn a_decision_comes_back_as_it_is_stored() {
        make_experiment("f");
        let returned = text("SELECT lotty_decide('f', 'u')::text");
        let stored = "SELECT (ROW(flag_key, value, decision_id, experiment_id, variant_id, reason)
                              ::lotty.decision_result)::text FROM lotty.decision";
        assert_eq!(returned, text(stored));
        assert_eq!(
            text(
                "SELECT to_jsonb(l)::text FROM (SELECT flag_key AS flag, value, reason FROM lotty.decision) l"
            ),
            text(
                "SELECT (to_jsonb(d) - '{decision_id,experiment_id,variant_id}'::text[])::text
                    FROM lotty_evaluate('f', 'u') d"
            )
        );
        assert_eq!(number("SELECT count(*) FROM lotty.decision"), 1);
    }

    #[pg_test]
    fn errors_carry_their_sqlstate() {
        make_experiment("f");
        for (statement, code) in [
            ("SELECT lotty_decide(NULL, 'u')", "22004"),
            ("SELECT lotty_decide('f', NULL)", "22004"),
            ("SELECT lotty_decide('f', 'u', NULL)", "22004"),
            ("SELECT lotty_decide('f', 'u', '[]')", "22023"),
            ("SELECT lotty_decide('f', repeat('x', 513))", "22023"),
            ("SELECT lotty_targeting_matches('a =', '{}')", "22023"),
            ("UPDATE lotty.experiment SET targeting = 'a ='", "22023"),
            (
                "INSERT INTO lotty.audience (name, targeting) VALUES ('a', 'audience(\"a\")')",
                "42P19",
            ),
            ("UPDATE lotty.experiment SET status = 'draft'", "55000"),
            ("DELETE FROM lotty.flag", "23001"),
            ("SET lotty.cooldown_days = -1", "22023"),
        ] {
            assert_eq!(sqlstate(statement), code, "{statement}");
        }
        assert_eq!(number("SELECT count(*) FROM lotty.decision"), 0);
    }

    #[pg_test]
    fn a_caught_error_leaves_the_session_usable() {
        make_experiment("f");
        for _ in 0..1_000 {
            assert_eq!(
                sqlstate("SELECT lotty_decide(''f'', ''u'', ''5'')").len(),
                5
            );
        }
        assert_eq!(
            text("SELECT reason::text FROM lotty_decide('f', 'u')"),
            "experiment_assigned"
        );
    }

    #[pg_test]
    fn an_error_in_the_middle_of_a_decision_unwinds() {
        make_experiment("f");
        Spi::run(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                 'BEGIN IF NEW.subject_id = ''bad'' THEN RAISE EXCEPTION ''refused''; END IF; RETURN NEW; END';
             CREATE TRIGGER refuse BEFORE INSERT ON lotty.decision FOR EACH ROW EXECUTE FUNCTION refuse();",
        )
        .unwrap();
        assert_eq!(sqlstate("SELECT lotty_decide('f', 'bad')"), "P0001");
        assert_eq!(
            text("SELECT reason::text FROM lotty_decide('f', 'good')"),
            "experiment_assigned"
        );
        assert_eq!(
            number("SELECT count(*) FROM lotty.assignment WHERE subject_id = 'bad'"),
            0
        );
    }

    #[pg_test]
    fn a_flag_is_compiled_once() {
        make_experiment("f");
        let builds = || number("SELECT builds FROM lotty.session_cache()");
        let before = builds();
        assert_eq!(
            number("SELECT count(*) FROM generate_series(1, 1000) i, lotty_decide('f', 'u' || i)"),
            1000
        );
        assert_eq!(builds() - before, 1);
        Spi::run("UPDATE lotty.flag SET description = 'changed'").unwrap();
        assert_eq!(
            number(
                "SELECT count(*) FROM generate_series(1, 1000) i, lotty_evaluate('f', 'u' || i)"
            ),
            1000
        );
        assert_eq!(builds() - before, 2);
    }

    #[pg_test]
    fn numbers_of_jsonb_keep_every_digit() {
        // Numbers around the limits of rust_decimal, and far beyond; each equals itself and
        // differs from its neighbours in the last digit.
        for exponent in [0, 1, 9, 17, 18, 19, 27, 28, 29, 30, 100, 1000] {
            let equal = Spi::get_one::<bool>(&format!(
                "SELECT bool_and(lotty_targeting_matches('n = ' || n, jsonb_build_object('n', n))
                             AND NOT lotty_targeting_matches('n = ' || (n + 1), jsonb_build_object('n', n))
                             AND lotty_targeting_matches('n < ' || (n + 1), jsonb_build_object('n', n))
                             AND lotty_targeting_matches('n > ' || (n - 1), jsonb_build_object('n', n))
                             AND lotty_targeting_matches('n = -' || n, jsonb_build_object('n', -n))
                             AND lotty_targeting_matches('n > ' || (n / 7), jsonb_build_object('n', n / 7 + 1e-20)))
                   FROM (SELECT 10::numeric ^ {exponent} + d AS n FROM generate_series(1, 9) d) t"
            ));
            assert_eq!(equal.unwrap(), Some(true), "10^{exponent}");
        }
    }

    #[pg_test]
    fn attributes_may_be_toasted() {
        Spi::run(
            "CREATE TABLE t (attrs jsonb);
             ALTER TABLE t ALTER attrs SET STORAGE EXTERNAL;
             INSERT INTO t SELECT jsonb_build_object('pad', repeat('x', 100000), 'n', 1, 'l', jsonb_build_array('a'));
             ALTER TABLE t ALTER attrs SET STORAGE EXTENDED;
             INSERT INTO t SELECT jsonb_build_object('pad', repeat('x', 100000), 'n', 1, 'l', jsonb_build_array('a'));",
        )
        .unwrap();
        assert_eq!(
            number(
                "SELECT count(*) FROM t WHERE lotty_targeting_matches('n = 1 AND l CONTAINS \"a\" AND pad STARTS_WITH \"xx\"', attrs)"
            ),
            2
        );
    }
}
