-- R14: what stands according to the streams: of each thing the last decision, unless that withdrew it.

-- Decisions about conversions, the revenue of purchases, and recipients; `thing` is which one, in its campaign.
CREATE TABLE decisions AS
SELECT
    stream_id AS journey, app_group, campaign_id, position, version,
    CASE
        WHEN conversion_event IS NOT NULL THEN 'conversion'
        WHEN occurrence_id IS NOT NULL THEN 'revenue'
        ELSE 'recipient'
    END AS subject,
    coalesce(CAST(conversion_event AS VARCHAR), occurrence_id, variant_id, '') AS thing,
    conversion_event, occurrence_at, currency,
    before_behaviour_id, before_behaviour_at, before_receipt_id, before_received_at, before_variant_id, before_net,
    now_behaviour_id, now_behaviour_at, now_receipt_id, now_received_at, now_variant_id, now_net
FROM typed
WHERE topic IN (
    'journey.conversion_recorded', 'journey.conversion_restated', 'journey.conversion_withdrawn',
    'journey.revenue_attributed', 'journey.revenue_restated', 'journey.revenue_withdrawn',
    'journey.recipient_counted', 'journey.recipient_restated', 'journey.recipient_withdrawn'
);

-- What was decided more than once.
CREATE TABLE decided_again AS
SELECT journey, subject, campaign_id, thing, max(version) AS last_version
FROM decisions
GROUP BY journey, subject, campaign_id, thing
HAVING count(*) > 1;

CREATE TABLE told AS
SELECT decisions.*
FROM decisions
LEFT JOIN decided_again AS again
    ON again.journey = decisions.journey AND again.subject = decisions.subject
    AND again.campaign_id = decisions.campaign_id AND again.thing = decisions.thing
WHERE decisions.version = coalesce(again.last_version, decisions.version)
    AND decisions.now_receipt_id IS NOT NULL;

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

-- R17: the facts that the streams disregard.
CREATE TABLE told_voided AS
SELECT DISTINCT stream_id AS journey, app_group, voided_id AS fact_id
FROM typed
WHERE topic = 'journey.fact_disregarded';
