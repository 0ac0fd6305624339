-- R13, R17: the facts that count.

-- R13: each user has one stream; the versions of its events count from 1.
CREATE TABLE journeys AS
SELECT stream_id AS journey, app_group,
    min(version) AS first_version, max(version) AS last_version, count(*) AS events
FROM streams
GROUP BY stream_id, app_group;

-- R13: an event is damaged if its topic is unknown, or if a field that it needs is missing or unreadable.
CREATE TABLE unreadable AS
SELECT app_group, stream_id AS journey, position, topic, 'unknown_topic' AS problem
FROM typed
WHERE topic NOT IN (
    'journey.received', 'journey.session_started', 'journey.purchase', 'journey.custom_event',
    'journey.app_version', 'journey.refund', 'journey.void',
    'journey.order', 'journey.order_refund', 'journey.order_cancelled',
    'journey.conversion_recorded', 'journey.conversion_restated', 'journey.conversion_withdrawn',
    'journey.revenue_attributed', 'journey.revenue_restated', 'journey.revenue_withdrawn',
    'journey.recipient_counted', 'journey.recipient_restated', 'journey.recipient_withdrawn',
    'journey.upgrade_recorded', 'journey.upgrade_withdrawn', 'journey.fact_disregarded'
)
UNION ALL
SELECT app_group, stream_id, position, topic, 'unreadable'
FROM typed
WHERE topic IN (
        'journey.received', 'journey.session_started', 'journey.purchase', 'journey.custom_event',
        'journey.app_version', 'journey.refund', 'journey.void',
        'journey.order', 'journey.order_refund', 'journey.order_cancelled'
    )
    AND (
        fact_id IS NULL OR occurred_at IS NULL
        OR (topic = 'journey.received' AND (campaign_id IS NULL OR variant_id IS NULL))
        OR (topic = 'journey.purchase' AND (price IS NULL OR quantity IS NULL OR currency IS NULL))
        OR (topic = 'journey.refund' AND (purchase_id IS NULL OR coalesce(refunded, -1) < 0))
        OR (topic = 'journey.order' AND ((lines IS NULL AND total IS NULL) OR total < 0))
        OR (topic = 'journey.order_refund' AND (
            order_id IS NULL OR (lines IS NOT NULL AND refunded IS NOT NULL) OR refunded < 0
        ))
        OR (topic = 'journey.order_cancelled' AND order_id IS NULL)
        OR (topic = 'journey.void' AND voided_id IS NULL)
    )
UNION ALL
SELECT DISTINCT app_group, stream_id, position, topic, 'unreadable'
FROM (
    SELECT app_group, stream_id, position, topic, unnest(lines) AS line
    FROM typed
    WHERE topic IN ('journey.order', 'journey.order_refund')
) AS line_by_line
WHERE line.product_id IS NULL OR line.quantity IS NULL OR line.price < 0
UNION ALL
SELECT app_group, stream_id, position, topic, 'unreadable'
FROM typed
WHERE topic IN (
        'journey.conversion_recorded', 'journey.conversion_restated', 'journey.conversion_withdrawn',
        'journey.revenue_attributed', 'journey.revenue_restated', 'journey.revenue_withdrawn',
        'journey.recipient_counted', 'journey.recipient_restated', 'journey.recipient_withdrawn'
    )
    AND campaign_id IS NULL
UNION ALL
SELECT app_group, stream_id, position, topic, 'unreadable'
FROM typed
WHERE topic IN ('journey.upgrade_recorded', 'journey.upgrade_withdrawn', 'journey.fact_disregarded')
    AND occurrence_id IS NULL;

-- R17: a void names a fact of the same user, before or after it. A void cannot be voided.
CREATE TABLE voided AS
SELECT DISTINCT fact.stream_id AS journey, fact.app_group, fact.fact_id
FROM (SELECT stream_id, voided_id FROM typed WHERE topic = 'journey.void') AS void
JOIN typed AS fact ON fact.stream_id = void.stream_id AND fact.fact_id = void.voided_id
WHERE fact.topic <> 'journey.void';

-- R17: a journey's facts, as other services reported them. Everything is judged as if voided facts had never come.
CREATE VIEW standing AS
SELECT
    typed.stream_id AS journey, typed.app_group, typed.topic, typed.fact_id, typed.occurred_at,
    typed.campaign_id, typed.variant_id, typed.app_id, typed.app_version, typed.product_id, typed.name,
    typed.price, typed.quantity, typed.currency, typed.purchase_id, typed.refunded,
    typed.previous_version, typed.order_id, typed.lines, typed.total
FROM typed
ANTI JOIN voided ON voided.journey = typed.stream_id AND voided.fact_id = typed.fact_id;

-- R27: the lines of orders and of their refunds, a row each; `place` numbers them.
CREATE VIEW order_lines AS
SELECT journey, topic, fact_id, line.place AS place, line.product_id AS product_id, line.price AS price,
    line.quantity AS quantity
FROM (
    SELECT journey, topic, fact_id, unnest(lines) AS line
    FROM standing
    WHERE topic IN ('journey.order', 'journey.order_refund')
) AS line_by_line;

-- R13: a fact's identity is (app group, user, id): a journey with the same id twice is damaged.
CREATE TABLE recorded_twice AS
SELECT stream_id AS journey, app_group, fact_id
FROM typed
WHERE fact_id IS NOT NULL
GROUP BY stream_id, app_group, fact_id
HAVING count(*) > 1;

CREATE TABLE receipts AS
SELECT standing.journey, standing.app_group, standing.campaign_id, standing.variant_id, variants.control,
    standing.fact_id AS receipt_id, standing.occurred_at AS received_at
FROM standing
LEFT JOIN variants
    ON variants.app_group = standing.app_group
    AND variants.campaign_id = standing.campaign_id
    AND variants.variant_id = standing.variant_id
WHERE standing.topic = 'journey.received';
