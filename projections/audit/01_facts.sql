-- R13, R17: the facts that stand.

-- R13: one stream for each user: its events are counted from 1 on.
CREATE TABLE journeys AS
SELECT stream_id AS journey, app_group,
    min(version) AS first_version, max(version) AS last_version, count(*) AS events
FROM streams
GROUP BY stream_id, app_group;

-- R17: a void names a fact of the same user, before or after it. A void cannot be voided.
CREATE TABLE voided AS
SELECT DISTINCT fact.stream_id AS journey, fact.app_group, fact.fact_id
FROM (SELECT stream_id, voided_id FROM typed WHERE topic = 'journey.void') AS void
JOIN typed AS fact ON fact.stream_id = void.stream_id AND fact.fact_id = void.voided_id
WHERE fact.topic <> 'journey.void';

-- R17: a journey's facts, as other services reported them: everything is judged as if a voided one had not been.
CREATE VIEW standing AS
SELECT
    stream_id AS journey, app_group, topic, fact_id, occurred_at, campaign_id, variant_id, app_id, app_version,
    product_id, name, price, quantity, currency, purchase_id, refunded
FROM typed
WHERE topic IN (
        'journey.received', 'journey.session_started', 'journey.purchase', 'journey.custom_event',
        'journey.app_version', 'journey.refund'
    )
    AND NOT EXISTS (SELECT 1 FROM voided WHERE voided.journey = typed.stream_id AND voided.fact_id = typed.fact_id);

-- R13: a fact's identity is (app group, user, id): a journey that holds an id twice is damaged.
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
