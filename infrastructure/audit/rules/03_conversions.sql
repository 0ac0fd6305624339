-- R2, R6 to R9, R27: conversions.

-- R2: the behaviours that earn each type of conversion event.
CREATE VIEW behaviours AS
SELECT
    journey, fact_id, occurred_at, app_id, product_id, name,
    CASE topic
        WHEN 'journey.session_started' THEN 'starts_session'
        WHEN 'journey.purchase' THEN 'makes_purchase'
        WHEN 'journey.custom_event' THEN 'performs_custom_event'
    END AS earns
FROM standing
WHERE topic IN ('journey.session_started', 'journey.purchase', 'journey.custom_event')
UNION ALL
SELECT journey, fact_id, occurred_at, app_id, NULL AS product_id, NULL AS name, 'upgrades_app' AS earns
FROM upgrades
UNION ALL
-- R27: an order is a purchase of every product in it; an order without lines is a purchase of no known product.
SELECT DISTINCT
    standing.journey, standing.fact_id, standing.occurred_at, standing.app_id, order_lines.product_id, NULL AS name,
    'makes_purchase' AS earns
FROM standing
LEFT JOIN order_lines ON order_lines.journey = standing.journey AND order_lines.fact_id = standing.fact_id
WHERE standing.topic = 'journey.order'
UNION ALL
-- R27: an order, refund or cancellation that came as a named event is a performance of that event, too.
SELECT journey, fact_id, occurred_at, app_id, NULL AS product_id, name, 'performs_custom_event' AS earns
FROM standing
WHERE topic IN ('journey.order', 'journey.order_refund', 'journey.order_cancelled') AND name IS NOT NULL;

-- R6: a receipt opens a window for each conversion event, from its instant to that instant plus the deadline.
-- R6, R7: a behaviour converts if it matches and is inside the window of any receipt; both ends are inside.
-- R8: every campaign is judged by itself.
-- R7: it converts at most once, by the earliest such behaviour; among equal instants by the smallest id.
-- R9: it is credited to the latest receipt whose window holds it; among equal instants to the greatest id.
CREATE TABLE judged_conversions AS
WITH windows AS (
    SELECT
        receipts.journey, receipts.app_group, receipts.campaign_id, conversion_events.conversion_event,
        receipts.receipt_id, receipts.received_at, receipts.variant_id, receipts.control,
        receipts.received_at + conversion_events.deadline AS ends_at,
        conversion_events.type, conversion_events.product_id, conversion_events.name, conversion_events.some_apps
    FROM receipts
    JOIN conversion_events
        ON conversion_events.app_group = receipts.app_group
        AND conversion_events.campaign_id = receipts.campaign_id
),
converting AS (
    SELECT
        windows.journey, windows.app_group, windows.campaign_id, windows.conversion_event,
        behaviours.fact_id AS behaviour_id, behaviours.occurred_at AS behaviour_at,
        windows.receipt_id, windows.received_at, windows.variant_id, windows.control
    FROM windows
    JOIN behaviours
        ON behaviours.journey = windows.journey
        AND behaviours.earns = windows.type
        AND behaviours.occurred_at >= windows.received_at
        AND behaviours.occurred_at <= windows.ends_at
    LEFT JOIN conversion_event_apps AS apps
        ON apps.app_group = windows.app_group
        AND apps.campaign_id = windows.campaign_id
        AND apps.conversion_event = windows.conversion_event
        AND apps.app_id = behaviours.app_id
    WHERE (windows.product_id IS NULL OR windows.product_id = behaviours.product_id)
        AND (windows.name IS NULL OR windows.name = behaviours.name)
        AND (NOT windows.some_apps OR apps.app_id IS NOT NULL)
),
ordered AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY journey, campaign_id, conversion_event
            ORDER BY behaviour_at, behaviour_id, received_at DESC, receipt_id DESC
        ) AS place
    FROM converting
)
SELECT
    journey, app_group, campaign_id, conversion_event, behaviour_id, behaviour_at,
    receipt_id, received_at, variant_id, control
FROM ordered
WHERE place = 1;
