-- R14: what counts according to the streams: the last decision about each thing, unless that withdrew it.
--
-- A thing that was withdrawn has an empty receipt_id (no id is empty); `decisions` is the number of decisions about it.

CREATE TABLE told_conversions AS
SELECT
    stream_id AS journey, app_group, campaign_id, conversion_event,
    arg_max(coalesce(now_behaviour_id, ''), version) AS behaviour_id,
    arg_max(coalesce(now_behaviour_at, 0), version) AS behaviour_at,
    arg_max(coalesce(now_receipt_id, ''), version) AS receipt_id,
    arg_max(coalesce(now_received_at, 0), version) AS received_at,
    arg_max(coalesce(now_variant_id, ''), version) AS variant_id,
    arg_max(position, version) AS position,
    count(*) AS decisions
FROM typed
WHERE topic IN ('journey.conversion_recorded', 'journey.conversion_restated', 'journey.conversion_withdrawn')
GROUP BY stream_id, app_group, campaign_id, conversion_event;

CREATE TABLE told_revenue AS
SELECT
    stream_id AS journey, app_group, campaign_id, occurrence_id AS purchase_id,
    arg_max(coalesce(occurrence_at, 0), version) AS purchased_at,
    arg_max(coalesce(currency, ''), version) AS currency,
    arg_max(coalesce(now_net, -1), version) AS net,
    arg_max(coalesce(is_order, FALSE), version) AS is_order,
    arg_max(coalesce(now_receipt_id, ''), version) AS receipt_id,
    arg_max(coalesce(now_received_at, 0), version) AS received_at,
    arg_max(coalesce(now_variant_id, ''), version) AS variant_id,
    arg_max(position, version) AS position,
    count(*) AS decisions
FROM typed
WHERE topic IN ('journey.revenue_attributed', 'journey.revenue_restated', 'journey.revenue_withdrawn')
GROUP BY stream_id, app_group, campaign_id, occurrence_id;

CREATE TABLE told_recipients AS
SELECT
    stream_id AS journey, app_group, campaign_id, coalesce(variant_id, '') AS variant_id,
    arg_max(coalesce(now_receipt_id, ''), version) AS receipt_id,
    arg_max(coalesce(now_received_at, 0), version) AS received_at,
    arg_max(coalesce(now_variant_id, ''), version) AS of_variant,
    arg_max(position, version) AS position,
    count(*) AS decisions
FROM typed
WHERE topic IN ('journey.recipient_counted', 'journey.recipient_restated', 'journey.recipient_withdrawn')
GROUP BY stream_id, app_group, campaign_id, coalesce(variant_id, '');

CREATE TABLE told_upgrades AS
SELECT journey, app_group, app_id, fact_id, occurred_at, from_version, to_version, position
FROM (
    SELECT
        stream_id AS journey, app_group, app_id, topic, position,
        occurrence_id AS fact_id, occurrence_at AS occurred_at, from_version, to_version,
        row_number() OVER (PARTITION BY stream_id, app_id, occurrence_id ORDER BY version DESC) AS place
    FROM typed
    WHERE topic IN ('journey.upgrade_recorded', 'journey.upgrade_withdrawn')
) AS ordered
WHERE place = 1 AND topic = 'journey.upgrade_recorded';

-- R10: an upgrade is recorded only once until it is withdrawn, and withdrawn only after it was recorded.
CREATE TABLE broken_upgrades AS
SELECT journey, app_group, app_id, position
FROM (
    SELECT
        stream_id AS journey, app_group, app_id, topic, position,
        lag(topic) OVER (PARTITION BY stream_id, app_id, occurrence_id ORDER BY version) AS topic_before
    FROM typed
    WHERE topic IN ('journey.upgrade_recorded', 'journey.upgrade_withdrawn')
) AS one_after_the_other
WHERE topic = coalesce(topic_before, 'journey.upgrade_withdrawn');

-- R17: the facts that the streams disregard, and the void that each is disregarded for.
CREATE TABLE told_voided AS
SELECT
    stream_id AS journey, app_group, voided_id AS fact_id, min(occurrence_id) AS void_id, count(*) AS times,
    max(position) AS position
FROM typed
WHERE topic = 'journey.fact_disregarded'
GROUP BY stream_id, app_group, voided_id;
