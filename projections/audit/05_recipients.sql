-- R18, R20: unique recipients, by their first receipt.

-- Of the variant, and, with an empty variant_id, of any variant but control (no id is empty).
CREATE TABLE received AS
SELECT journey, app_group, campaign_id, variant_id, receipt_id, received_at FROM receipts
UNION ALL
SELECT journey, app_group, campaign_id, '' AS variant_id, receipt_id, received_at
FROM receipts WHERE NOT control;

CREATE TABLE judged_recipients AS
SELECT journey, app_group, campaign_id, variant_id, receipt_id, received_at, receipts
FROM (
    SELECT
        *,
        count(*) OVER (PARTITION BY journey, campaign_id, variant_id) AS receipts,
        row_number() OVER (
            PARTITION BY journey, campaign_id, variant_id ORDER BY received_at, receipt_id
        ) AS place
    FROM received
) AS ordered
WHERE place = 1;
