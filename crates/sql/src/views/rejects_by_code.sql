-- What was not taken in, and why, by day.
--
-- Input that was no order, commands that could not apply, orders that came again. Of a flood that
-- was recorded as one sum every input counts.
--
-- day: The day (UTC) on which it came
-- merchant_id: The seller, where the input named one
-- kind: What sort of no it was
-- code: What was wrong with it first
-- inputs: How many inputs
SELECT
    CAST(rejects.at AS DATE) AS day,
    merchant_id,
    kind,
    code,
    SUM(rejects.count) AS inputs
FROM rejects
GROUP BY CAST(rejects.at AS DATE), merchant_id, kind, code
