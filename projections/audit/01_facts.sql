-- R13, R17: the facts that stand.

-- A journey's facts as other services reported them: each is an event of its own.
CREATE TABLE facts AS
SELECT
    stream_id AS journey, app_group, position, substr(topic, 9) AS type, fact_id, occurred_at,
    campaign_id, variant_id, app_id, app_version, product_id, name,
    price, quantity, currency, purchase_id, refunded, voided_id
FROM typed
WHERE topic IN (
    'journey.received', 'journey.session_started', 'journey.purchase', 'journey.custom_event',
    'journey.app_version', 'journey.refund', 'journey.void'
);

-- R13: a fact's identity is (app group, user, id): a journey that holds an id twice is damaged.
CREATE TABLE facts_recorded_twice AS
SELECT journey, app_group, fact_id, count(*) AS times
FROM facts
GROUP BY journey, app_group, fact_id
HAVING count(*) > 1;

-- R17: a void names a fact of the same user, before or after it; a void cannot be voided.
CREATE TABLE voided AS
SELECT DISTINCT fact.journey, fact.app_group, fact.fact_id
FROM facts AS fact
JOIN facts AS void ON void.journey = fact.journey AND void.voided_id = fact.fact_id
WHERE void.type = 'void' AND fact.type <> 'void';

-- R17: everything is judged as if a voided fact had not been.
CREATE TABLE standing AS
SELECT fact.*
FROM facts AS fact
LEFT JOIN voided ON voided.journey = fact.journey AND voided.fact_id = fact.fact_id
WHERE fact.type <> 'void' AND voided.fact_id IS NULL;

CREATE TABLE receipts AS
SELECT standing.journey, standing.app_group, standing.campaign_id, standing.variant_id, variants.control,
    standing.fact_id AS receipt_id, standing.occurred_at AS received_at
FROM standing
LEFT JOIN variants
    ON variants.app_group = standing.app_group
    AND variants.campaign_id = standing.campaign_id
    AND variants.variant_id = standing.variant_id
WHERE standing.type = 'received';
