-- R18, R20: unique recipients, by their first receipt; among equal instants the smallest id is first.

CREATE TABLE recipients_of_variants AS
SELECT
    journey, app_group, campaign_id, variant_id, control,
    arg_min(receipt_id, (received_at, receipt_id)) AS receipt_id, min(received_at) AS received_at,
    count(*) AS receipts
FROM receipts
GROUP BY journey, app_group, campaign_id, variant_id, control;

-- A row for the variant, and a row with an empty variant_id for any variant but control (no id is empty); `of_variant` is
-- the variant of the receipt.
CREATE TABLE judged_recipients AS
SELECT journey, app_group, campaign_id, variant_id, receipt_id, received_at, variant_id AS of_variant, receipts
FROM recipients_of_variants
UNION ALL
SELECT
    journey, app_group, campaign_id, '' AS variant_id,
    arg_min(receipt_id, (received_at, receipt_id)) AS receipt_id, min(received_at) AS received_at,
    arg_min(variant_id, (received_at, receipt_id)) AS of_variant,
    CAST(sum(receipts) AS BIGINT) AS receipts
FROM recipients_of_variants
WHERE NOT control
GROUP BY journey, app_group, campaign_id;
