-- The events of the log with a column for each thing that the audit asks of a payload.
--
-- `logged` is the log as it is stored; what a payload does not hold is null. Instants are microseconds since 1970.

WITH read AS (
    SELECT
        *,
        json_transform(payload, '{
            "id": "VARCHAR", "at": "VARCHAR", "campaign_id": "VARCHAR", "variant_id": "VARCHAR",
            "app_id": "VARCHAR", "app_version": "VARCHAR", "version": "VARCHAR",
            "product_id": "VARCHAR", "name": "VARCHAR",
            "price": "VARCHAR", "quantity": "VARCHAR", "currency": "VARCHAR",
            "purchase_id": "VARCHAR", "amount": "VARCHAR", "fact_id": "VARCHAR",
            "fact": {"id": "VARCHAR"}, "index": "INTEGER",
            "report": {"id": "VARCHAR", "at": "VARCHAR"}, "purchase": {"id": "VARCHAR", "at": "VARCHAR"},
            "from_version": "VARCHAR", "to_version": "VARCHAR",
            "before": {
                "id": "VARCHAR", "at": "VARCHAR", "variant_id": "VARCHAR", "net": "VARCHAR",
                "behaviour": {"id": "VARCHAR", "at": "VARCHAR"},
                "receipt": {"id": "VARCHAR", "at": "VARCHAR", "variant_id": "VARCHAR"}
            },
            "now": {
                "id": "VARCHAR", "at": "VARCHAR", "variant_id": "VARCHAR", "net": "VARCHAR",
                "behaviour": {"id": "VARCHAR", "at": "VARCHAR"},
                "receipt": {"id": "VARCHAR", "at": "VARCHAR", "variant_id": "VARCHAR"}
            }
        }') AS said
    FROM logged
)
SELECT
    position, app_group, stream_id, version, topic, recorded_at, command_id, actor, hash, payload,
    said.id AS fact_id,
    epoch_us(CAST(said."at" AS TIMESTAMP)) AS occurred_at,
    said.campaign_id AS campaign_id,
    said.variant_id AS variant_id,
    said.app_id AS app_id,
    coalesce(said.app_version, said."version") AS app_version,
    said.product_id AS product_id,
    said.name AS name,
    CAST(said.price AS DECIMAL(18, 6)) AS price,
    CASE WHEN topic = 'journey.purchase' THEN CAST(coalesce(said.quantity, '1') AS DECIMAL(19, 0)) END AS quantity,
    said.currency AS currency,
    said.purchase_id AS purchase_id,
    CAST(said.amount AS DECIMAL(18, 6)) AS refunded,
    coalesce(said.fact_id, said.fact.id) AS voided_id,
    said."index" AS conversion_event,
    coalesce(said.report.id, said.purchase.id) AS occurrence_id,
    epoch_us(CAST(coalesce(said.report."at", said.purchase."at") AS TIMESTAMP)) AS occurrence_at,
    said.from_version AS from_version,
    said.to_version AS to_version,
    said.before.behaviour.id AS before_behaviour_id,
    epoch_us(CAST(said.before.behaviour."at" AS TIMESTAMP)) AS before_behaviour_at,
    coalesce(said.before.receipt.id, said.before.id) AS before_receipt_id,
    epoch_us(CAST(coalesce(said.before.receipt."at", said.before."at") AS TIMESTAMP)) AS before_received_at,
    coalesce(said.before.receipt.variant_id, said.before.variant_id) AS before_variant_id,
    CAST(said.before.net AS DECIMAL(38, 6)) AS before_net,
    said.now.behaviour.id AS now_behaviour_id,
    epoch_us(CAST(said.now.behaviour."at" AS TIMESTAMP)) AS now_behaviour_at,
    coalesce(said.now.receipt.id, said.now.id) AS now_receipt_id,
    epoch_us(CAST(coalesce(said.now.receipt."at", said.now."at") AS TIMESTAMP)) AS now_received_at,
    coalesce(said.now.receipt.variant_id, said.now.variant_id) AS now_variant_id,
    CAST(said.now.net AS DECIMAL(38, 6)) AS now_net
FROM read
