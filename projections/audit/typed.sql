-- The events of the log with a column for each thing that the audit asks of a payload.
--
-- `logged` is the log as it is stored; what a payload does not hold is null. Instants are microseconds since 1970.

WITH read AS (
    SELECT
        position, app_group, stream_id, version, topic, recorded_at, command_id, actor, hash, payload,
        json_extract_string(payload, [
            '$.id', '$.at', '$.campaign_id', '$.variant_id',
            '$.app_id', '$.app_version', '$.version', '$.product_id', '$.name',
            '$.price', '$.quantity', '$.currency', '$.purchase_id', '$.amount', '$.fact_id',
            '$.index', '$.report.id', '$.report.at', '$.purchase.id', '$.purchase.at',
            '$.from_version', '$.to_version',
            '$.before.behaviour.id', '$.before.behaviour.at',
            '$.before.receipt.id', '$.before.receipt.at', '$.before.receipt.variant_id', '$.before.net',
            '$.before.id', '$.before.at', '$.before.variant_id',
            '$.now.behaviour.id', '$.now.behaviour.at',
            '$.now.receipt.id', '$.now.receipt.at', '$.now.receipt.variant_id', '$.now.net',
            '$.now.id', '$.now.at', '$.now.variant_id',
            '$.fact.id'
        ]) AS f
    FROM logged
)
SELECT
    position, app_group, stream_id, version, topic, recorded_at, command_id, actor, hash, payload,
    f[1] AS fact_id,
    epoch_us(CAST(f[2] AS TIMESTAMP)) AS occurred_at,
    f[3] AS campaign_id,
    f[4] AS variant_id,
    f[5] AS app_id,
    coalesce(f[6], f[7]) AS app_version,
    f[8] AS product_id,
    f[9] AS name,
    CAST(f[10] AS DECIMAL(18, 6)) AS price,
    CASE WHEN topic = 'journey.purchase' THEN CAST(coalesce(f[11], '1') AS DECIMAL(18, 0)) END AS quantity,
    f[12] AS currency,
    f[13] AS purchase_id,
    CAST(f[14] AS DECIMAL(18, 6)) AS refunded,
    coalesce(f[15], f[41]) AS voided_id,
    CAST(f[16] AS INTEGER) AS conversion_event,
    coalesce(f[17], f[19]) AS occurrence_id,
    epoch_us(CAST(coalesce(f[18], f[20]) AS TIMESTAMP)) AS occurrence_at,
    f[21] AS from_version,
    f[22] AS to_version,
    f[23] AS before_behaviour_id,
    epoch_us(CAST(f[24] AS TIMESTAMP)) AS before_behaviour_at,
    coalesce(f[25], f[29]) AS before_receipt_id,
    epoch_us(CAST(coalesce(f[26], f[30]) AS TIMESTAMP)) AS before_received_at,
    coalesce(f[27], f[31]) AS before_variant_id,
    CAST(f[28] AS DECIMAL(38, 6)) AS before_net,
    f[32] AS now_behaviour_id,
    epoch_us(CAST(f[33] AS TIMESTAMP)) AS now_behaviour_at,
    coalesce(f[34], f[38]) AS now_receipt_id,
    epoch_us(CAST(coalesce(f[35], f[39]) AS TIMESTAMP)) AS now_received_at,
    coalesce(f[36], f[40]) AS now_variant_id,
    CAST(f[37] AS DECIMAL(38, 6)) AS now_net
FROM read
