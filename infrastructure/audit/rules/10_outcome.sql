-- All that counts, a line for each thing: the same in every engine, so that its checksum is the same.

-- One number for all lines in any order: the sums of both halves of their digests. `hexadecimal` makes a number from its
-- digits; engines have different functions for that.
CREATE TABLE fingerprint AS
WITH outcome AS (
    SELECT concat_ws('|', journey, 'conversion', campaign_id, CAST(conversion_event AS VARCHAR), behaviour_id,
        CAST(behaviour_at AS VARCHAR), receipt_id, CAST(received_at AS VARCHAR), variant_id) AS line
    FROM judged_conversions
    UNION ALL
    SELECT concat_ws('|', journey, 'revenue', campaign_id, purchase_id, CAST(purchased_at AS VARCHAR), currency,
        CAST(net AS VARCHAR), receipt_id, CAST(received_at AS VARCHAR), variant_id) AS line
    FROM judged_revenue
    UNION ALL
    SELECT concat_ws('|', journey, 'recipient', campaign_id, variant_id, receipt_id, CAST(received_at AS VARCHAR),
        CAST(receipts AS VARCHAR)) AS line
    FROM recipients_of_variants
    UNION ALL
    SELECT concat_ws('|', journey, 'upgrade', app_id, fact_id, CAST(occurred_at AS VARCHAR), to_version) AS line
    FROM upgrades
)
SELECT
    count(*) AS lines,
    coalesce(sum(CAST(hexadecimal(substr(digest, 1, 15)) AS DECIMAL(38, 0))), 0) AS one_half,
    coalesce(sum(CAST(hexadecimal(substr(digest, 17, 15)) AS DECIMAL(38, 0))), 0) AS other_half
FROM (SELECT md5(line) AS digest FROM outcome) AS digests;

-- How many there are of each.
CREATE TABLE totals AS
SELECT 'facts' AS what, count(fact_id) AS number FROM typed
UNION ALL SELECT 'journeys' AS what, count(*) AS number FROM journeys
UNION ALL SELECT 'facts voided' AS what, count(*) AS number FROM voided
UNION ALL SELECT 'receipts' AS what, count(*) AS number FROM receipts
UNION ALL SELECT 'recipients' AS what, count(*) AS number FROM judged_recipients
UNION ALL SELECT 'conversions' AS what, count(*) AS number FROM judged_conversions
UNION ALL SELECT 'purchases that count' AS what, count(*) AS number FROM judged_revenue
UNION ALL SELECT 'upgrades' AS what, count(*) AS number FROM upgrades;

-- How many the claims have of each.
CREATE TABLE said_totals AS
SELECT claim, 'conversions' AS what, count(*) AS number FROM said_conversions GROUP BY claim
UNION ALL SELECT claim, 'purchases that count' AS what, count(*) AS number FROM said_revenue GROUP BY claim
UNION ALL SELECT claim, 'recipients' AS what, count(*) AS number FROM said_recipients GROUP BY claim
UNION ALL SELECT 'streams' AS claim, 'upgrades' AS what, count(*) AS number FROM told_upgrades;
