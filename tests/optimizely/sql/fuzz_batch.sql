-- Runs the steps that were loaded, and prints the answers.

SET client_min_messages = error;

SELECT format('CALL fuzz.run(%L)', data) FROM fuzz.step ORDER BY (data->>'number')::bigint
\gexec

COPY (SELECT jsonb_build_array(number, answer) FROM fuzz.answer ORDER BY number) TO STDOUT;
TRUNCATE fuzz.step, fuzz.answer;
