/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/core/network.h"

#include "tap.h"

static struct network n;

static void open_network(void)
{
    network_open(&n, EE_PROFILE_DEVELOPMENT, NULL);
    network_populate(&n);
}

static void close_network(void)
{
    CHECK(n.broken == NULL);
    network_close(&n);
}

static enum ee_err send_mint(const struct ee_mint *mint)
{
    return NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, "bob", EE_COMMAND_MINT, mint, mint);
}

static void mint_answers_with_the_balance(void)
{
    struct ee_balance_result body;
    open_network();
    CHECK(network_mint(&n, "alice", 5) == EE_OK);
    CHECK(ee_balance_result_decode(ee_bytes_of(n.result.body, n.result.body_size), &body) == EE_OK);
    CHECK(strcmp(body.account, "alice") == 0 && body.available.micros == 20000005);
    close_network();
}

static void mint_with_a_forged_signature_amount_or_account(void)
{
    open_network();
    struct ee_mint mint = {.account = "alice", .amount = {100}, .reference = "r"};
    network_mint_sign(&n, &mint);
    struct ee_mint forged = mint;
    forged.signature[5] ^= 1;
    CHECK(send_mint(&forged) == EE_SIGNATURE);
    forged = mint;
    forged.amount.micros++;
    CHECK(send_mint(&forged) == EE_SIGNATURE);
    forged = mint;
    memcpy(forged.account, "bob\0\0", 6);
    CHECK(send_mint(&forged) == EE_SIGNATURE);
    CHECK(network_available(&n, "alice") == 20000000 && network_available(&n, "bob") == 20000000);
    close_network();
}

static void reference_minted_twice_mints_once(void)
{
    open_network();
    struct ee_mint mint = {.account = "alice", .amount = {100}, .reference = "r"};
    network_mint_sign(&n, &mint);
    CHECK(send_mint(&mint) == EE_OK && send_mint(&mint) == EE_OK && n.result.body_size > 0);
    CHECK(network_available(&n, "alice") == 20000100);
    mint.amount.micros = 101;
    network_mint_sign(&n, &mint);
    CHECK(send_mint(&mint) == EE_REFERENCE_CONFLICT);
    CHECK(network_available(&n, "alice") == 20000100);
    close_network();
}

static void mint_to_an_unknown_account(void)
{
    open_network();
    CHECK(network_mint(&n, "nobody", 5) == EE_ACCOUNT_UNKNOWN);
    close_network();
}

static void mint_beyond_the_cap_of_the_day(void)
{
    open_network(); /* $40 of the $1,000 are used */
    CHECK(network_mint(&n, "alice", 960000001) == EE_MINT_CAP);
    CHECK(network_mint(&n, "alice", 960000000) == EE_OK);
    CHECK(network_mint(&n, "alice", 1) == EE_MINT_CAP);
    n.now_us += (uint64_t)86400 * 1000000;
    CHECK(network_mint(&n, "alice", 1000000000) == EE_OK);
    CHECK(network_mint(&n, "alice", 1) == EE_MINT_CAP);
    close_network();
}

static void transfer_moves_and_answers_with_the_senders_balance(void)
{
    struct ee_balance_result body;
    open_network();
    CHECK(network_transfer(&n, "alice", "bob", 2000000) == EE_OK);
    CHECK(ee_balance_result_decode(ee_bytes_of(n.result.body, n.result.body_size), &body) == EE_OK);
    CHECK(strcmp(body.account, "alice") == 0 && body.available.micros == 18000000);
    CHECK(network_available(&n, "bob") == 22000000);
    CHECK(network_transfer(&n, "bob", "op-a", 1) == EE_OK); /* operators receive and send, too */
    CHECK(network_transfer(&n, "op-a", "bob", 1) == EE_OK);
    close_network();
}

static void transfer_to_itself_to_nobody_or_beyond_the_balance(void)
{
    open_network();
    CHECK(network_transfer(&n, "alice", "alice", 1) == EE_SAME_ACCOUNT);
    CHECK(network_transfer(&n, "alice", "nobody", 1) == EE_ACCOUNT_UNKNOWN);
    CHECK(network_transfer(&n, "alice", "bob", 20000001) == EE_INSUFFICIENT_CREDITS);
    CHECK(network_transfer(&n, "alice", "bob", INT64_MAX) == EE_INSUFFICIENT_CREDITS);
    CHECK(n.result.body_size == 0 && network_available(&n, "alice") == 20000000);
    CHECK(network_transfer(&n, "alice", "bob", 20000000) == EE_OK);
    CHECK(network_available(&n, "alice") == 0);
    close_network();
}

static void reserved_credits_cannot_be_sent(void)
{
    open_network();
    CHECK(network_reserve(&n, "alice", EE_WORKLOAD_JOB, "job", 1) == EE_OK);
    CHECK(network_balance(&n, "alice").locked.micros == 28);
    CHECK(network_transfer(&n, "alice", "bob", 20000000) == EE_INSUFFICIENT_CREDITS);
    CHECK(network_transfer(&n, "alice", "bob", 20000000 - 28) == EE_OK);
    CHECK(network_available(&n, "alice") == 0);
    close_network();
}

static void book_adds_up_to_what_was_minted(void)
{
    struct ee_totals totals;
    open_network();
    ee_core_totals(n.core, &totals);
    CHECK(totals.minted.micros == 40000000 && totals.balances.micros == 40000000);
    CHECK(totals.redeemed.micros == 0 && totals.locked.micros == 0);
    close_network();
}

TESTS(TEST(mint_answers_with_the_balance), TEST(mint_with_a_forged_signature_amount_or_account),
      TEST(reference_minted_twice_mints_once), TEST(mint_to_an_unknown_account),
      TEST(mint_beyond_the_cap_of_the_day),
      TEST(transfer_moves_and_answers_with_the_senders_balance),
      TEST(transfer_to_itself_to_nobody_or_beyond_the_balance),
      TEST(reserved_credits_cannot_be_sent), TEST(book_adds_up_to_what_was_minted))
