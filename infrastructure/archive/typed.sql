-- The events of the log with a column for each thing that the audit asks of a payload.
--
-- `logged` is the log as it is stored; what a payload does not hold is null, and so is what cannot be read, or not without
-- rounding it: instants, microseconds since 1970, of more than 27 signs, and money of more than six decimals. Money that an
-- order or its refund need not say is -1 where it cannot be read, and lines that are no list are one without a product.

WITH read AS (
    SELECT
        *,
        TRY(json_transform(payload, '{
            "id": "VARCHAR", "at": "VARCHAR", "campaign_id": "VARCHAR", "variant_id": "VARCHAR",
            "app_id": "VARCHAR", "app_version": "VARCHAR", "version": "VARCHAR", "previous_version": "VARCHAR",
            "product_id": "VARCHAR", "name": "VARCHAR",
            "price": "VARCHAR", "quantity": "VARCHAR", "currency": "VARCHAR",
            "purchase_id": "VARCHAR", "amount": "VARCHAR", "fact_id": "VARCHAR",
            "order_id": "VARCHAR", "lines": "JSON", "total": "VARCHAR", "is_order": "BOOLEAN",
            "fact": {"id": "VARCHAR", "campaign_id": "VARCHAR"}, "void_id": "VARCHAR", "index": "INTEGER",
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
        }')) AS said
    FROM logged
)
SELECT
    position, app_group, stream_id, version, topic, recorded_at, command_id, actor, hash, payload,
    said.id AS fact_id,
    CASE WHEN length(said."at") <= 27 THEN epoch_us(TRY_CAST(said."at" AS TIMESTAMP)) END AS occurred_at,
    coalesce(said.campaign_id, said.fact.campaign_id) AS campaign_id,
    said.variant_id AS variant_id,
    said.app_id AS app_id,
    coalesce(said.app_version, said."version") AS app_version,
    said.previous_version AS previous_version,
    said.product_id AS product_id,
    said.name AS name,
    CASE WHEN NOT regexp_matches(said.price, '[.].{7}') THEN TRY_CAST(said.price AS DECIMAL(18, 6)) END AS price,
    CASE WHEN topic = 'journey.purchase' THEN TRY_CAST(coalesce(said.quantity, '1') AS DECIMAL(19, 0)) END AS quantity,
    said.currency AS currency,
    said.purchase_id AS purchase_id,
    CASE WHEN said.amount IS NOT NULL THEN coalesce(CASE WHEN NOT regexp_matches(said.amount, '[.].{7}') THEN TRY_CAST(said.amount AS DECIMAL(18, 6)) END, -1) END AS refunded,
    said.order_id AS order_id,
    CASE WHEN said.lines IS NOT NULL THEN
        list_transform(
            coalesce(
                json_transform(said.lines, '[{"product_id": "VARCHAR", "price": "VARCHAR", "quantity": "VARCHAR"}]'),
                [{'product_id': NULL, 'price': NULL, 'quantity': NULL}]
            ),
            lambda line, place: {
                'place': place,
                'product_id': line.product_id,
                'price': CASE WHEN line.price IS NOT NULL THEN coalesce(CASE WHEN NOT regexp_matches(line.price, '[.].{7}') THEN TRY_CAST(line.price AS DECIMAL(18, 6)) END, -1) END,
                'quantity': TRY_CAST(coalesce(line.quantity, '1') AS DECIMAL(19, 0))
            }
        )
    END AS lines,
    CASE WHEN said.total IS NOT NULL THEN coalesce(CASE WHEN NOT regexp_matches(said.total, '[.].{7}') THEN TRY_CAST(said.total AS DECIMAL(18, 6)) END, -1) END AS total,
    coalesce(said.fact_id, said.fact.id) AS voided_id,
    said."index" AS conversion_event,
    coalesce(said.report.id, said.purchase.id, said.void_id) AS occurrence_id,
    said.is_order AS is_order,
    CASE WHEN length(coalesce(said.report."at", said.purchase."at")) <= 27 THEN epoch_us(TRY_CAST(coalesce(said.report."at", said.purchase."at") AS TIMESTAMP)) END AS occurrence_at,
    said.from_version AS from_version,
    said.to_version AS to_version,
    said.before.behaviour.id AS before_behaviour_id,
    CASE WHEN length(said.before.behaviour."at") <= 27 THEN epoch_us(TRY_CAST(said.before.behaviour."at" AS TIMESTAMP)) END AS before_behaviour_at,
    coalesce(said.before.receipt.id, said.before.id) AS before_receipt_id,
    CASE WHEN length(coalesce(said.before.receipt."at", said.before."at")) <= 27 THEN epoch_us(TRY_CAST(coalesce(said.before.receipt."at", said.before."at") AS TIMESTAMP)) END AS before_received_at,
    coalesce(said.before.receipt.variant_id, said.before.variant_id) AS before_variant_id,
    CASE WHEN NOT regexp_matches(said.before.net, '[.].{7}') THEN TRY_CAST(said.before.net AS DECIMAL(38, 6)) END AS before_net,
    said.now.behaviour.id AS now_behaviour_id,
    CASE WHEN length(said.now.behaviour."at") <= 27 THEN epoch_us(TRY_CAST(said.now.behaviour."at" AS TIMESTAMP)) END AS now_behaviour_at,
    coalesce(said.now.receipt.id, said.now.id) AS now_receipt_id,
    CASE WHEN length(coalesce(said.now.receipt."at", said.now."at")) <= 27 THEN epoch_us(TRY_CAST(coalesce(said.now.receipt."at", said.now."at") AS TIMESTAMP)) END AS now_received_at,
    coalesce(said.now.receipt.variant_id, said.now.variant_id) AS now_variant_id,
    CASE WHEN NOT regexp_matches(said.now.net, '[.].{7}') THEN TRY_CAST(said.now.net AS DECIMAL(38, 6)) END AS now_net
FROM read
