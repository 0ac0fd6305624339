-- R27: orders, and what refunds and cancellations give back of them.

-- A refund gives back an amount or lines; with neither, everything.
CREATE TABLE corrections AS
SELECT
    journey, order_id, fact_id AS correction_id, topic, occurred_at, currency, refunded,
    topic = 'journey.order_cancelled' OR (refunded IS NULL AND lines IS NULL) AS is_whole
FROM standing
WHERE topic IN ('journey.order_refund', 'journey.order_cancelled');

-- An earlier version recorded an order as purchases, `order:ORDER:NAME`. A correction acts on those if its order is not
-- recorded as an order, voided or not. NAME is the product, or the place of the line if the product was in the order
-- before: this tells which of a product's purchases was first. Either id may contain a colon; if two orders that a
-- correction names fit, the purchase belongs to the one with the shorter id.
CREATE TABLE purchases_of_orders AS
WITH corrected AS (
    SELECT DISTINCT corrections.journey, corrections.order_id
    FROM corrections
    ANTI JOIN (SELECT stream_id, fact_id FROM typed WHERE topic = 'journey.order') AS recorded
        ON recorded.stream_id = corrections.journey AND recorded.fact_id = corrections.order_id
),
named AS (
    SELECT
        standing.journey, corrected.order_id, standing.fact_id AS purchase_id, standing.product_id, standing.price,
        standing.quantity, standing.currency, substr(standing.fact_id, length(corrected.order_id) + 8) AS name,
        row_number() OVER (
            PARTITION BY standing.journey, standing.fact_id ORDER BY length(corrected.order_id)
        ) AS which
    FROM corrected
    JOIN standing
        ON standing.journey = corrected.journey
        AND starts_with(standing.fact_id, 'order:' || corrected.order_id || ':')
    WHERE standing.topic = 'journey.purchase'
        AND (
            substr(standing.fact_id, length(corrected.order_id) + 8) = standing.product_id
            OR regexp_full_match(substr(standing.fact_id, length(corrected.order_id) + 8), '#*[0-9]+')
        )
)
SELECT
    journey, order_id, purchase_id, product_id, price, quantity, currency,
    row_number() OVER (
        PARTITION BY journey, order_id
        ORDER BY
            CASE WHEN name = product_id THEN 0 ELSE 1 END,
            CASE
                WHEN regexp_full_match(ltrim(name, '#'), '[0-9]{1,9}') THEN TRY_CAST(ltrim(name, '#') AS BIGINT) ELSE 0
            END,
            name
    ) AS place
FROM named
WHERE which = 1;

-- The lines of orders that are corrected.
CREATE TABLE ordered_lines AS
SELECT lines.journey, lines.fact_id AS order_id, lines.place, lines.product_id, lines.price, lines.quantity
FROM order_lines AS lines
SEMI JOIN corrections ON corrections.journey = lines.journey AND corrections.order_id = lines.fact_id
WHERE lines.topic = 'journey.order'
UNION ALL
SELECT journey, order_id, place, product_id, price, quantity
FROM purchases_of_orders;

-- A refund in a currency other than its order's has no effect.
CREATE TABLE effective_corrections AS
SELECT corrections.*
FROM corrections
JOIN (
    SELECT journey, fact_id AS order_id, currency FROM standing WHERE topic = 'journey.order'
    UNION ALL
    SELECT journey, order_id, currency FROM purchases_of_orders WHERE place = 1
) AS of_order
    ON of_order.journey = corrections.journey AND of_order.order_id = corrections.order_id
WHERE corrections.topic = 'journey.order_cancelled'
    OR corrections.currency IS NULL OR corrections.currency = of_order.currency;

-- Units are given back in the order of the refunds, each from the first line of that product that has any left. The units
-- of one product are numbered from 0, both those that were ordered and those that are given back; equal numbers are the
-- same unit. A line holds the numbers from `starts` up to but without `ends`, and so does a line of a refund. Numbers
-- beyond what was ordered are ignored. Each unit comes back at the refund's price; without one, at the line's.
CREATE TABLE units_given_back AS
WITH ordered AS (
    SELECT *, ends - quantity AS starts
    FROM (
        SELECT
            ordered_lines.*,
            sum(quantity) OVER (PARTITION BY journey, order_id, product_id ORDER BY place) AS ends
        FROM ordered_lines
    ) AS counted
),
returned AS (
    SELECT *, ends - quantity AS starts
    FROM (
        SELECT
            refunds.journey, refunds.order_id, lines.product_id, lines.price, lines.quantity,
            sum(lines.quantity) OVER (
                PARTITION BY refunds.journey, refunds.order_id, lines.product_id
                ORDER BY refunds.occurred_at, refunds.correction_id, lines.place
            ) AS ends
        FROM effective_corrections AS refunds
        JOIN order_lines AS lines ON lines.journey = refunds.journey AND lines.fact_id = refunds.correction_id
        WHERE refunds.refunded IS NULL
    ) AS counted
)
SELECT
    ordered.journey, ordered.order_id, ordered.place,
    CAST(
        least(ordered.ends, returned.ends) - greatest(ordered.starts, returned.starts) AS DECIMAL(19, 0)
    ) AS units,
    coalesce(returned.price, ordered.price) AS price
FROM ordered
JOIN returned
    ON returned.journey = ordered.journey AND returned.order_id = ordered.order_id
    AND returned.product_id = ordered.product_id
    AND returned.starts < ordered.ends AND returned.ends > ordered.starts;

-- What a line gives back; units without a price give back nothing.
CREATE TABLE given_back_of_lines AS
SELECT
    journey, order_id, place, sum(units) AS units, count(*) > count(price) AS some_unpriced,
    CAST(coalesce(sum(price * units), 0) AS DECIMAL(38, 6)) AS amount
FROM units_given_back
GROUP BY journey, order_id, place;

-- What refunds without lines give back: amounts, or everything.
CREATE TABLE given_back AS
SELECT journey, order_id, bool_or(is_whole) AS is_whole, CAST(coalesce(sum(refunded), 0) AS DECIMAL(38, 6)) AS amount
FROM effective_corrections
GROUP BY journey, order_id;

-- An order's amount is its total; without one, it is the sum of its lines, where a line without a price adds nothing. Its
-- net is the amount less all that is given back, never below 0. If the only line has no price, all of its units together
-- give back everything.
CREATE TABLE orders AS
WITH amounts AS (
    SELECT journey, fact_id, count(*) AS lines, sum(quantity) AS units, sum(price * quantity) AS amount
    FROM order_lines
    WHERE topic = 'journey.order'
    GROUP BY journey, fact_id
),
of_lines AS (
    SELECT
        journey, order_id, sum(units) AS units, bool_or(some_unpriced) AS some_unpriced, sum(amount) AS amount
    FROM given_back_of_lines
    GROUP BY journey, order_id
)
SELECT
    standing.journey, standing.fact_id AS order_id, standing.occurred_at AS ordered_at, standing.currency,
    CAST(
        CASE
            WHEN given_back.is_whole THEN 0
            WHEN amounts.lines = 1 AND of_lines.units = amounts.units AND of_lines.some_unpriced THEN 0
            ELSE greatest(
                coalesce(standing.total, amounts.amount, 0)
                - coalesce(of_lines.amount, 0) - coalesce(given_back.amount, 0),
                0
            )
        END AS DECIMAL(38, 6)
    ) AS net
FROM standing
LEFT JOIN amounts ON amounts.journey = standing.journey AND amounts.fact_id = standing.fact_id
LEFT JOIN of_lines ON of_lines.journey = standing.journey AND of_lines.order_id = standing.fact_id
LEFT JOIN given_back ON given_back.journey = standing.journey AND given_back.order_id = standing.fact_id
WHERE standing.topic = 'journey.order';
