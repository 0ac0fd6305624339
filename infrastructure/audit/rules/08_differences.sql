-- Compares what is judged here with what the streams and the read models say, thing by thing.
--
-- `claims` names who is compared: 'streams', and the read models if there are any; `shown_...` is what those hold.
-- R6, R9: read models also say when a window ends and what is control's; `other_stream` is whether a row is in a stream
-- other than that of the campaign that it names.

CREATE VIEW said_conversions AS
SELECT 'streams' AS claim, journey, app_group, campaign_id, conversion_event, behaviour_id, behaviour_at,
    receipt_id, received_at, variant_id, position,
    CAST(NULL AS BOOLEAN) AS control, CAST(NULL AS BOOLEAN) AS other_stream,
    CAST(NULL AS BIGINT) AS window_length, CAST(NULL AS BIGINT) AS deadline
FROM told_conversions WHERE receipt_id <> ''
UNION ALL
SELECT 'conversions' AS claim, shown.journey, shown.app_group, shown.campaign_id, shown.conversion_event,
    shown.behaviour_id, shown.behaviour_at, shown.receipt_id, shown.received_at, shown.variant_id, NULL AS position,
    shown.control, shown.other_stream,
    shown.window_ends_at - shown.received_at AS window_length, conversion_events.deadline
FROM shown_conversions AS shown
LEFT JOIN conversion_events
    ON conversion_events.app_group = shown.app_group AND conversion_events.campaign_id = shown.campaign_id
    AND conversion_events.conversion_event = shown.conversion_event;

CREATE TABLE different_conversions AS
SELECT
    'conversion' AS subject,
    CASE
        WHEN said.claim IS NULL THEN 'missing'
        WHEN judged.claim IS NULL THEN 'unfounded'
        WHEN said.behaviour_id <> judged.behaviour_id THEN 'other_behaviour'
        WHEN said.behaviour_at <> judged.behaviour_at THEN 'other_instant'
        WHEN said.variant_id <> judged.variant_id THEN 'other_variant'
        WHEN said.receipt_id <> judged.receipt_id OR said.received_at <> judged.received_at THEN 'other_receipt'
        WHEN said.app_group <> judged.app_group THEN 'other_app_group'
        WHEN said.control <> judged.control THEN 'other_control'
        WHEN said.window_length <> said.deadline THEN 'other_window'
        ELSE 'other_stream'
    END AS problem,
    coalesce(said.claim, judged.claim) AS claim,
    coalesce(said.app_group, judged.app_group) AS app_group,
    coalesce(said.journey, judged.journey) AS journey,
    coalesce(said.campaign_id, judged.campaign_id) AS campaign_id,
    CAST(coalesce(said.conversion_event, judged.conversion_event) AS VARCHAR) AS thing,
    judged.behaviour_id AS judged_id, judged.behaviour_at AS judged_at,
    judged.receipt_id AS judged_receipt_id, judged.received_at AS judged_received_at,
    judged.variant_id AS judged_variant_id,
    CAST(NULL AS DECIMAL(38, 6)) AS judged_net,
    CASE
        WHEN said.app_group <> judged.app_group THEN judged.app_group
        WHEN said.control <> judged.control THEN CASE WHEN judged.control THEN 'control' ELSE 'not control' END
        WHEN said.window_length <> said.deadline
            THEN 'a window of ' || CAST(said.deadline AS VARCHAR) || ' microseconds'
    END AS judged_text,
    said.behaviour_id AS said_id, said.behaviour_at AS said_at,
    said.receipt_id AS said_receipt_id, said.received_at AS said_received_at, said.variant_id AS said_variant_id,
    CAST(NULL AS DECIMAL(38, 6)) AS said_net,
    CASE
        WHEN said.app_group <> judged.app_group THEN said.app_group
        WHEN said.control <> judged.control THEN CASE WHEN said.control THEN 'control' ELSE 'not control' END
        WHEN said.window_length <> said.deadline
            THEN 'a window of ' || CAST(said.window_length AS VARCHAR) || ' microseconds'
    END AS said_text,
    said.position AS position, CAST(NULL AS BOOLEAN) AS is_order
FROM (
    SELECT claims.claim, judged_conversions.* FROM judged_conversions CROSS JOIN claims
    WHERE claims.claim IN ('streams', 'conversions')
) AS judged
FULL OUTER JOIN said_conversions AS said
    ON said.claim = judged.claim AND said.journey = judged.journey
    AND said.campaign_id = judged.campaign_id AND said.conversion_event = judged.conversion_event
WHERE said.claim IS NULL OR judged.claim IS NULL
    OR said.behaviour_id <> judged.behaviour_id OR said.behaviour_at <> judged.behaviour_at
    OR said.receipt_id <> judged.receipt_id OR said.received_at <> judged.received_at
    OR said.variant_id <> judged.variant_id OR said.app_group <> judged.app_group
    OR said.control <> judged.control OR said.window_length <> said.deadline OR said.other_stream;

CREATE VIEW said_revenue AS
SELECT 'streams' AS claim, journey, app_group, campaign_id, purchase_id, purchased_at, currency, net, is_order,
    receipt_id, received_at, variant_id, position,
    CAST(NULL AS BOOLEAN) AS control, CAST(NULL AS BOOLEAN) AS other_stream
FROM told_revenue WHERE receipt_id <> ''
UNION ALL
SELECT 'counted_revenue' AS claim, journey, app_group, campaign_id, purchase_id, purchased_at, currency, net,
    is_order, receipt_id, received_at, variant_id, NULL AS position, control, other_stream
FROM shown_purchases;

CREATE TABLE different_revenue AS
SELECT
    'revenue' AS subject,
    CASE
        WHEN said.claim IS NULL THEN 'missing'
        WHEN judged.claim IS NULL THEN 'unfounded'
        WHEN said.net <> judged.net THEN 'other_net'
        WHEN said.currency <> judged.currency THEN 'other_currency'
        WHEN said.is_order <> judged.is_order THEN 'other_type'
        WHEN said.purchased_at <> judged.purchased_at THEN 'other_instant'
        WHEN said.variant_id <> judged.variant_id THEN 'other_variant'
        WHEN said.receipt_id <> judged.receipt_id OR said.received_at <> judged.received_at THEN 'other_receipt'
        WHEN said.app_group <> judged.app_group THEN 'other_app_group'
        WHEN said.control <> judged.control THEN 'other_control'
        ELSE 'other_stream'
    END AS problem,
    coalesce(said.claim, judged.claim) AS claim,
    coalesce(said.app_group, judged.app_group) AS app_group,
    coalesce(said.journey, judged.journey) AS journey,
    coalesce(said.campaign_id, judged.campaign_id) AS campaign_id,
    coalesce(said.purchase_id, judged.purchase_id) AS thing,
    judged.purchase_id AS judged_id, judged.purchased_at AS judged_at,
    judged.receipt_id AS judged_receipt_id, judged.received_at AS judged_received_at,
    judged.variant_id AS judged_variant_id, judged.net AS judged_net,
    CASE
        WHEN said.app_group <> judged.app_group THEN judged.app_group
        WHEN said.control <> judged.control THEN CASE WHEN judged.control THEN 'control' ELSE 'not control' END
        WHEN said.is_order <> judged.is_order
            THEN judged.currency || CASE WHEN judged.is_order THEN ', an order' ELSE ', a purchase' END
        ELSE judged.currency
    END AS judged_text,
    said.purchase_id AS said_id, said.purchased_at AS said_at,
    said.receipt_id AS said_receipt_id, said.received_at AS said_received_at, said.variant_id AS said_variant_id,
    said.net AS said_net,
    CASE
        WHEN said.app_group <> judged.app_group THEN said.app_group
        WHEN said.control <> judged.control THEN CASE WHEN said.control THEN 'control' ELSE 'not control' END
        WHEN said.is_order <> judged.is_order
            THEN said.currency || CASE WHEN said.is_order THEN ', an order' ELSE ', a purchase' END
        ELSE said.currency
    END AS said_text,
    said.position AS position, coalesce(judged.is_order, said.is_order) AS is_order
FROM (
    SELECT claims.claim, judged_revenue.* FROM judged_revenue CROSS JOIN claims
    WHERE claims.claim IN ('streams', 'counted_revenue')
) AS judged
FULL OUTER JOIN said_revenue AS said
    ON said.claim = judged.claim AND said.journey = judged.journey
    AND said.campaign_id = judged.campaign_id AND said.purchase_id = judged.purchase_id
WHERE said.claim IS NULL OR judged.claim IS NULL
    OR said.net <> judged.net OR said.currency <> judged.currency OR said.is_order <> judged.is_order
    OR said.purchased_at <> judged.purchased_at
    OR said.receipt_id <> judged.receipt_id OR said.received_at <> judged.received_at
    OR said.variant_id <> judged.variant_id OR said.app_group <> judged.app_group
    OR said.control <> judged.control OR said.other_stream;

CREATE VIEW said_recipients AS
SELECT 'streams' AS claim, journey, app_group, campaign_id, variant_id, receipt_id, received_at,
    of_variant, CAST(NULL AS BIGINT) AS receipts, position, CAST(NULL AS BOOLEAN) AS other_stream
FROM told_recipients WHERE receipt_id <> ''
UNION ALL
SELECT 'recipients' AS claim, journey, app_group, campaign_id, variant_id, receipt_id, received_at,
    NULL AS of_variant, receipts, NULL AS position, other_stream
FROM shown_recipients;

CREATE TABLE different_recipients AS
SELECT
    'recipient' AS subject,
    CASE
        WHEN said.claim IS NULL THEN 'missing'
        WHEN judged.claim IS NULL THEN 'unfounded'
        WHEN said.receipts <> judged.receipts THEN 'other_number_of_receipts'
        WHEN said.receipt_id <> judged.receipt_id OR said.received_at <> judged.received_at THEN 'other_receipt'
        WHEN said.of_variant <> judged.of_variant THEN 'other_variant'
        WHEN said.app_group <> judged.app_group THEN 'other_app_group'
        ELSE 'other_stream'
    END AS problem,
    coalesce(said.claim, judged.claim) AS claim,
    coalesce(said.app_group, judged.app_group) AS app_group,
    coalesce(said.journey, judged.journey) AS journey,
    coalesce(said.campaign_id, judged.campaign_id) AS campaign_id,
    coalesce(said.variant_id, judged.variant_id) AS thing,
    CAST(NULL AS VARCHAR) AS judged_id, CAST(NULL AS BIGINT) AS judged_at,
    judged.receipt_id AS judged_receipt_id, judged.received_at AS judged_received_at,
    judged.of_variant AS judged_variant_id,
    CAST(NULL AS DECIMAL(38, 6)) AS judged_net,
    CASE
        WHEN said.app_group <> judged.app_group THEN judged.app_group ELSE CAST(judged.receipts AS VARCHAR)
    END AS judged_text,
    CAST(NULL AS VARCHAR) AS said_id, CAST(NULL AS BIGINT) AS said_at,
    said.receipt_id AS said_receipt_id, said.received_at AS said_received_at, said.of_variant AS said_variant_id,
    CAST(NULL AS DECIMAL(38, 6)) AS said_net,
    CASE
        WHEN said.app_group <> judged.app_group THEN said.app_group ELSE CAST(said.receipts AS VARCHAR)
    END AS said_text,
    said.position AS position, CAST(NULL AS BOOLEAN) AS is_order
FROM (
    SELECT claims.claim, judged_recipients.* FROM judged_recipients CROSS JOIN claims
    WHERE claims.claim IN ('streams', 'recipients')
) AS judged
FULL OUTER JOIN said_recipients AS said
    ON said.claim = judged.claim AND said.journey = judged.journey
    AND said.campaign_id = judged.campaign_id AND said.variant_id = judged.variant_id
WHERE said.claim IS NULL OR judged.claim IS NULL
    OR said.receipt_id <> judged.receipt_id OR said.received_at <> judged.received_at
    OR said.of_variant <> judged.of_variant OR said.receipts <> judged.receipts OR said.app_group <> judged.app_group OR said.other_stream;

-- R10: the previous version is not compared: a late report can change it, and the upgrade remains an upgrade.
CREATE TABLE different_upgrades AS
SELECT
    'upgrade' AS subject,
    CASE
        WHEN said.fact_id IS NULL THEN 'missing'
        WHEN judged.fact_id IS NULL THEN 'unfounded'
        WHEN said.occurred_at <> judged.occurred_at THEN 'other_instant'
        ELSE 'other_version'
    END AS problem,
    'streams' AS claim,
    coalesce(said.app_group, judged.app_group) AS app_group,
    coalesce(said.journey, judged.journey) AS journey,
    CAST(NULL AS VARCHAR) AS campaign_id,
    coalesce(said.app_id, judged.app_id) AS thing,
    judged.fact_id AS judged_id, judged.occurred_at AS judged_at,
    CAST(NULL AS VARCHAR) AS judged_receipt_id, CAST(NULL AS BIGINT) AS judged_received_at,
    CAST(NULL AS VARCHAR) AS judged_variant_id,
    CAST(NULL AS DECIMAL(38, 6)) AS judged_net,
    judged.from_version || ' to ' || judged.to_version AS judged_text,
    said.fact_id AS said_id, said.occurred_at AS said_at,
    CAST(NULL AS VARCHAR) AS said_receipt_id, CAST(NULL AS BIGINT) AS said_received_at,
    CAST(NULL AS VARCHAR) AS said_variant_id,
    CAST(NULL AS DECIMAL(38, 6)) AS said_net, said.from_version || ' to ' || said.to_version AS said_text,
    said.position AS position, CAST(NULL AS BOOLEAN) AS is_order
FROM upgrades AS judged
FULL OUTER JOIN told_upgrades AS said
    ON said.journey = judged.journey AND said.app_id = judged.app_id AND said.fact_id = judged.fact_id
WHERE said.fact_id IS NULL OR judged.fact_id IS NULL
    OR said.occurred_at <> judged.occurred_at OR said.to_version <> judged.to_version;

-- R17
CREATE TABLE different_voids AS
SELECT
    'void' AS subject,
    CASE
        WHEN said.fact_id IS NULL THEN 'missing'
        WHEN judged.fact_id IS NULL THEN 'unfounded'
        WHEN said.times > 1 THEN 'disregarded_twice'
        ELSE 'other_void'
    END AS problem,
    'streams' AS claim,
    coalesce(said.app_group, judged.app_group) AS app_group,
    coalesce(said.journey, judged.journey) AS journey,
    CAST(NULL AS VARCHAR) AS campaign_id,
    coalesce(said.fact_id, judged.fact_id) AS thing,
    judged.fact_id AS judged_id, CAST(NULL AS BIGINT) AS judged_at,
    CAST(NULL AS VARCHAR) AS judged_receipt_id, CAST(NULL AS BIGINT) AS judged_received_at,
    CAST(NULL AS VARCHAR) AS judged_variant_id,
    CAST(NULL AS DECIMAL(38, 6)) AS judged_net, CAST(NULL AS VARCHAR) AS judged_text,
    said.fact_id AS said_id, CAST(NULL AS BIGINT) AS said_at,
    CAST(NULL AS VARCHAR) AS said_receipt_id, CAST(NULL AS BIGINT) AS said_received_at,
    CAST(NULL AS VARCHAR) AS said_variant_id,
    CAST(NULL AS DECIMAL(38, 6)) AS said_net, CAST(NULL AS VARCHAR) AS said_text,
    said.position AS position, CAST(NULL AS BOOLEAN) AS is_order
FROM voided AS judged
FULL OUTER JOIN told_voided AS said ON said.journey = judged.journey AND said.fact_id = judged.fact_id
LEFT JOIN (SELECT stream_id AS journey, fact_id, voided_id FROM typed WHERE topic = 'journey.void') AS void
    ON void.journey = said.journey AND void.fact_id = said.void_id AND void.voided_id = said.fact_id
WHERE said.fact_id IS NULL OR judged.fact_id IS NULL OR said.times > 1 OR void.fact_id IS NULL;

-- Decisions about conversions, revenue and recipients; `thing` identifies each in its campaign.
CREATE VIEW decisions AS
SELECT
    stream_id AS journey, app_group, campaign_id, position, version,
    CASE
        WHEN conversion_event IS NOT NULL THEN 'conversion'
        WHEN occurrence_id IS NOT NULL THEN 'revenue'
        ELSE 'recipient'
    END AS subject,
    coalesce(CAST(conversion_event AS VARCHAR), occurrence_id, variant_id, '') AS thing,
    before_behaviour_id, before_behaviour_at, before_receipt_id, before_received_at, before_variant_id, before_net,
    now_behaviour_id, now_behaviour_at, now_receipt_id, now_received_at, now_variant_id, now_net, is_order
FROM typed
WHERE topic IN (
    'journey.conversion_recorded', 'journey.conversion_restated', 'journey.conversion_withdrawn',
    'journey.revenue_attributed', 'journey.revenue_restated', 'journey.revenue_withdrawn',
    'journey.recipient_counted', 'journey.recipient_restated', 'journey.recipient_withdrawn'
);

CREATE TABLE decided_again AS
SELECT journey, 'conversion' AS subject, campaign_id, CAST(conversion_event AS VARCHAR) AS thing
FROM told_conversions WHERE decisions > 1
UNION ALL
SELECT journey, 'revenue' AS subject, campaign_id, purchase_id AS thing FROM told_revenue WHERE decisions > 1
UNION ALL
SELECT journey, 'recipient' AS subject, campaign_id, variant_id AS thing FROM told_recipients WHERE decisions > 1;

-- R14: a decision that changes or withdraws another says what counted before.
CREATE TABLE broken_chains AS
WITH one_after_the_other AS (
    SELECT
        decisions.*,
        lag(decisions.now_behaviour_id) OVER about AS stood_behaviour_id,
        lag(decisions.now_behaviour_at) OVER about AS stood_behaviour_at,
        lag(decisions.now_receipt_id) OVER about AS stood_receipt_id,
        lag(decisions.now_received_at) OVER about AS stood_received_at,
        lag(decisions.now_variant_id) OVER about AS stood_variant_id,
        lag(decisions.now_net) OVER about AS stood_net
    FROM decisions
    JOIN decided_again AS again
        ON again.journey = decisions.journey AND again.subject = decisions.subject
        AND again.campaign_id = decisions.campaign_id AND again.thing = decisions.thing
    WINDOW about AS (
        PARTITION BY decisions.journey, decisions.subject, decisions.campaign_id, decisions.thing
        ORDER BY decisions.version
    )
),
the_first AS (
    SELECT
        decisions.*,
        CAST(NULL AS VARCHAR) AS stood_behaviour_id, CAST(NULL AS BIGINT) AS stood_behaviour_at,
        CAST(NULL AS VARCHAR) AS stood_receipt_id, CAST(NULL AS BIGINT) AS stood_received_at,
        CAST(NULL AS VARCHAR) AS stood_variant_id, CAST(NULL AS DECIMAL(38, 6)) AS stood_net
    FROM decisions
    LEFT JOIN decided_again AS again
        ON again.journey = decisions.journey AND again.subject = decisions.subject
        AND again.campaign_id = decisions.campaign_id AND again.thing = decisions.thing
    WHERE again.journey IS NULL AND decisions.before_receipt_id IS NOT NULL
)
SELECT
    subject, 'says_what_did_not_stand_before' AS problem, 'streams' AS claim, app_group, journey, campaign_id, thing,
    stood_behaviour_id AS judged_id, stood_behaviour_at AS judged_at,
    stood_receipt_id AS judged_receipt_id, stood_received_at AS judged_received_at,
    stood_variant_id AS judged_variant_id, stood_net AS judged_net, CAST(NULL AS VARCHAR) AS judged_text,
    before_behaviour_id AS said_id, before_behaviour_at AS said_at,
    before_receipt_id AS said_receipt_id, before_received_at AS said_received_at,
    before_variant_id AS said_variant_id, before_net AS said_net, CAST(NULL AS VARCHAR) AS said_text,
    position, is_order
FROM (SELECT * FROM one_after_the_other UNION ALL SELECT * FROM the_first) AS beside_the_one_before
WHERE coalesce(stood_behaviour_id, '') <> coalesce(before_behaviour_id, '')
    OR coalesce(stood_behaviour_at, -1) <> coalesce(before_behaviour_at, -1)
    OR coalesce(stood_receipt_id, '') <> coalesce(before_receipt_id, '')
    OR coalesce(stood_received_at, -1) <> coalesce(before_received_at, -1)
    OR coalesce(stood_variant_id, '') <> coalesce(before_variant_id, '')
    OR coalesce(stood_net, -1) <> coalesce(before_net, -1);

-- R13, R14: no event is missing from a stream, and every fact is in it once.
CREATE TABLE broken_streams AS
SELECT app_group, journey, CAST(last_version - events AS VARCHAR) AS missing
FROM journeys
WHERE last_version <> events OR first_version <> 1
UNION ALL
SELECT app_group, stream_id AS journey, CAST(max(version) - count(*) AS VARCHAR) AS missing
FROM other_streams
GROUP BY app_group, stream_id
HAVING max(version) <> count(*) OR min(version) <> 1;

CREATE VIEW damaged AS
SELECT 'stream' AS subject, 'event_missing' AS problem, app_group, journey,
    CAST(NULL AS VARCHAR) AS campaign_id, missing AS thing, CAST(NULL AS BIGINT) AS position
FROM broken_streams
UNION ALL
SELECT 'event' AS subject, problem, app_group, journey,
    CAST(NULL AS VARCHAR) AS campaign_id, topic AS thing, position
FROM unreadable
UNION ALL
SELECT 'fact' AS subject, 'recorded_twice' AS problem, app_group, journey,
    CAST(NULL AS VARCHAR) AS campaign_id, fact_id AS thing, CAST(NULL AS BIGINT) AS position
FROM recorded_twice
UNION ALL
SELECT 'receipt' AS subject, 'unknown_variant' AS problem, app_group, journey,
    campaign_id, receipt_id AS thing, CAST(NULL AS BIGINT) AS position
FROM receipts WHERE control IS NULL
UNION ALL
SELECT 'upgrade' AS subject, 'says_what_did_not_stand_before' AS problem, app_group, journey,
    CAST(NULL AS VARCHAR) AS campaign_id, app_id AS thing, position
FROM broken_upgrades;

CREATE TABLE differences AS
SELECT * FROM different_conversions
UNION ALL SELECT * FROM different_revenue
UNION ALL SELECT * FROM different_recipients
UNION ALL SELECT * FROM different_upgrades
UNION ALL SELECT * FROM different_voids
UNION ALL SELECT * FROM broken_chains
UNION ALL
SELECT subject, problem, 'streams' AS claim, app_group, journey, campaign_id, thing,
    CAST(NULL AS VARCHAR) AS judged_id, CAST(NULL AS BIGINT) AS judged_at,
    CAST(NULL AS VARCHAR) AS judged_receipt_id, CAST(NULL AS BIGINT) AS judged_received_at,
    CAST(NULL AS VARCHAR) AS judged_variant_id,
    CAST(NULL AS DECIMAL(38, 6)) AS judged_net, CAST(NULL AS VARCHAR) AS judged_text,
    CAST(NULL AS VARCHAR) AS said_id, CAST(NULL AS BIGINT) AS said_at,
    CAST(NULL AS VARCHAR) AS said_receipt_id, CAST(NULL AS BIGINT) AS said_received_at,
    CAST(NULL AS VARCHAR) AS said_variant_id,
    CAST(NULL AS DECIMAL(38, 6)) AS said_net, CAST(NULL AS VARCHAR) AS said_text,
    position, CAST(NULL AS BOOLEAN) AS is_order
FROM damaged;
