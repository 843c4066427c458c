/**
 * Every error code of the API, by what it means to a client. Source: docs page "Error codes", and the SDK's own list,
 * which a test compares with this one. What is not here is `validation`.
 */
import type { FaultCode } from '../../src/errors/index.js';

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}

export const codesByMeaning = {
  required_missing: words(`
    parameter_missing parameter_invalid_empty parameter_invalid_string_blank parameter_invalid_string_empty missing
    cardholder_phone_number_required intent_verification_method_missing invoice_no_customer_line_items
    invoice_no_payment_method_types invoice_no_subscription_line_items payment_method_billing_details_address_missing`),
  duplicate: words('resource_already_exists bank_account_exists'),
  bad_reference: words('resource_missing no_account'),
  malformed: words(`
    parameter_invalid_integer parameter_unknown invalid_characters account_token_required_for_v2_account
    balance_invalid_parameter charge_invalid_parameter forwarding_api_invalid_parameter
    payment_intent_invalid_parameter payment_method_invalid_parameter payment_method_invalid_parameter_testmode
    setup_intent_invalid_parameter invalid_mandate_reference_prefix_format url_invalid
    financial_connections_consent_locale_invalid`),
  upstream_permission: words(`
    secret_key_required livemode_mismatch testmode_charges_only not_allowed_on_standard_account
    application_fees_not_allowed transfers_not_allowed payouts_not_allowed platform_account_required
    capability_not_active storer_capability_missing storer_capability_not_active request_blocked action_blocked
    approval_required financial_account_capability_not_enabled financial_account_capability_restricted
    ownership_declaration_not_allowed progressive_onboarding_limit_exceeded payment_method_restricted
    instant_payouts_config_disabled forwarding_api_inactive stripe_tax_inactive smart_disputes_not_available
    three_d_secure_authentication_not_supported payment_evaluation_on_api_version_not_supported
    alipay_upgrade_required bitcoin_upgrade_required`),
  read_only_column: words('invoice_not_editable invoice_on_behalf_of_not_editable'),
  credentials_refused: words('api_key_expired platform_api_key_expired account_invalid tls_version_unsupported'),
  rate_limited: words('rate_limit'),
  /** Nothing was applied, and the same request can succeed a little later. */
  upstream_unavailable: words(`
    lock_timeout idempotency_key_in_use forwarding_api_retryable_upstream_error
    forwarding_api_upstream_connection_error forwarding_api_upstream_connection_timeout forwarding_api_upstream_error
    three_d_secure_authentication_upstream_error payment_method_provider_timeout`),
  validation: words(`
    account_closed account_country_invalid_address account_error_country_change_requires_additional_steps
    account_information_mismatch account_number_invalid acss_debit_session_incomplete amount_too_large
    amount_too_small anomalous_money_movement_request authentication_failure authentication_required
    balance_insufficient bank_account_bad_routing_numbers bank_account_declined bank_account_restricted
    bank_account_unusable bank_account_unverified bank_account_verification_failed billing_invalid_mandate
    capture_charge_authorization_expired capture_unauthorized_payment card_decline_rate_limit_exceeded card_declined
    charge_already_captured charge_already_refunded charge_disputed charge_exceeds_source_limit
    charge_exceeds_transaction_limit charge_expired_for_capture charge_not_refundable clearing_code_unsupported
    country_code_invalid country_unsupported coupon_expired customer_max_payment_methods customer_max_subscriptions
    customer_session_expired customer_tax_location_invalid debit_not_authorized dispute_evidence_page_limit_exceeded
    email_invalid expired_card expired_payment_method failed_tax_calculation
    financial_account_balance_does_not_support_currency financial_connections_account_inactive
    financial_connections_account_pending_account_numbers
    financial_connections_account_unavailable_account_numbers financial_connections_consent_locale_unsupported
    financial_connections_no_successful_transaction_refresh incorrect_address incorrect_cvc incorrect_number
    incorrect_postal_code incorrect_zip india_recurring_payment_mandate_canceled instant_payouts_currency_disabled
    instant_payouts_limit_exceeded instant_payouts_unsupported insufficient_funds intent_invalid_state
    invalid_canceled_subscription_fields invalid_card_type invalid_charge_amount invalid_cvc invalid_expiry_month
    invalid_expiry_year invalid_number invalid_source_usage invalid_tax_location invoice_payment_intent_requires_action
    invoice_upcoming_none out_of_inventory parameters_exclusive payment_intent_action_required
    payment_intent_authentication_failure payment_intent_incompatible_payment_method
    payment_intent_konbini_rejected_confirmation_number payment_intent_mandate_invalid
    payment_intent_payment_attempt_expired payment_intent_payment_attempt_failed payment_intent_rate_limit_exceeded
    payment_intent_unexpected_state payment_method_bank_account_already_verified payment_method_bank_account_blocked
    payment_method_configuration_failures payment_method_currency_mismatch payment_method_customer_decline
    payment_method_microdeposit_failed payment_method_microdeposit_processing_error
    payment_method_microdeposit_verification_amounts_invalid
    payment_method_microdeposit_verification_amounts_mismatch
    payment_method_microdeposit_verification_attempts_exceeded
    payment_method_microdeposit_verification_descriptor_code_mismatch
    payment_method_microdeposit_verification_timeout payment_method_not_available payment_method_provider_decline
    payment_method_unactivated payment_method_unexpected_state payment_method_unsupported_type
    payout_reconciliation_not_ready payouts_limit_exceeded postal_code_invalid processing_error product_inactive
    refer_to_customer refund_disputed_payment return_intent_already_processed routing_number_invalid
    sepa_unsupported_account service_period_coupon_with_metered_tiered_item_unsupported setup_attempt_failed
    setup_intent_authentication_failure setup_intent_mandate_invalid setup_intent_mobile_wallet_unsupported
    setup_intent_setup_attempt_expired setup_intent_unexpected_state shipping_address_invalid
    shipping_calculation_failed siret_invalid sku_inactive state_unsupported status_transition_invalid
    subscription_update_trial_after_billing_cycle_anchor tax_id_invalid tax_id_prohibited taxes_calculation_failed
    terminal_location_country_unsupported terminal_reader_busy terminal_reader_hardware_fault
    terminal_reader_invalid_location_for_activation terminal_reader_invalid_location_for_payment
    terminal_reader_offline terminal_reader_timeout token_already_used token_card_network_invalid token_in_use
    transfer_source_balance_parameters_mismatch`),
} as const satisfies Partial<Record<FaultCode, readonly string[]>>;

export type Meaning = keyof typeof codesByMeaning;

export const meanings: ReadonlyMap<string, Meaning> = new Map(
  Object.entries(codesByMeaning).flatMap(([meaning, codes]) =>
    codes.map((code): [string, Meaning] => [code, meaning as Meaning]),
  ),
);
