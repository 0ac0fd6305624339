-- R14: what stands according to the streams: of each thing the last decision, unless that withdrew it.

CREATE TABLE told_conversions AS
SELECT
    journey, app_group, campaign_id, conversion_event, behaviour_id, behaviour_at,
    receipt_id, received_at, variant_id, position
FROM (
    SELECT
        stream_id AS journey, app_group, campaign_id, conversion_event, topic, position,
        now_behaviour_id AS behaviour_id, now_behaviour_at AS behaviour_at,
        now_receipt_id AS receipt_id, now_received_at AS received_at, now_variant_id AS variant_id,
        row_number() OVER (
            PARTITION BY stream_id, campaign_id, conversion_event ORDER BY version DESC
        ) AS place
    FROM typed
    WHERE topic IN (
        'journey.conversion_recorded', 'journey.conversion_restated', 'journey.conversion_withdrawn'
    )
) AS ordered
WHERE place = 1 AND topic <> 'journey.conversion_withdrawn';

CREATE TABLE told_revenue AS
SELECT
    journey, app_group, campaign_id, purchase_id, purchased_at, currency, net,
    receipt_id, received_at, variant_id, position
FROM (
    SELECT
        stream_id AS journey, app_group, campaign_id, topic, position,
        occurrence_id AS purchase_id, occurrence_at AS purchased_at, currency, now_net AS net,
        now_receipt_id AS receipt_id, now_received_at AS received_at, now_variant_id AS variant_id,
        row_number() OVER (
            PARTITION BY stream_id, campaign_id, occurrence_id ORDER BY version DESC
        ) AS place
    FROM typed
    WHERE topic IN ('journey.revenue_attributed', 'journey.revenue_restated', 'journey.revenue_withdrawn')
) AS ordered
WHERE place = 1 AND topic <> 'journey.revenue_withdrawn';

CREATE TABLE told_recipients AS
SELECT journey, app_group, campaign_id, variant_id, receipt_id, received_at, position
FROM (
    SELECT
        stream_id AS journey, app_group, campaign_id, coalesce(variant_id, '') AS variant_id, topic, position,
        now_receipt_id AS receipt_id, now_received_at AS received_at,
        row_number() OVER (
            PARTITION BY stream_id, campaign_id, coalesce(variant_id, '') ORDER BY version DESC
        ) AS place
    FROM typed
    WHERE topic IN ('journey.recipient_counted', 'journey.recipient_restated', 'journey.recipient_withdrawn')
) AS ordered
WHERE place = 1 AND topic <> 'journey.recipient_withdrawn';

CREATE TABLE told_upgrades AS
SELECT journey, app_group, app_id, fact_id, occurred_at, from_version, to_version, position
FROM (
    SELECT
        stream_id AS journey, app_group, app_id, topic, position, occurrence_id AS fact_id, occurrence_at AS occurred_at,
        from_version, to_version,
        row_number() OVER (PARTITION BY stream_id, app_id, occurrence_id ORDER BY version DESC) AS place
    FROM typed
    WHERE topic IN ('journey.upgrade_recorded', 'journey.upgrade_withdrawn')
) AS ordered
WHERE place = 1 AND topic <> 'journey.upgrade_withdrawn';

-- R17: the facts that the streams disregard.
CREATE TABLE told_voided AS
SELECT DISTINCT stream_id AS journey, app_group, voided_id AS fact_id
FROM typed
WHERE topic = 'journey.fact_disregarded';
