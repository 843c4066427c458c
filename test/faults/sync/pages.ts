/** Records of a page of the stand-in API of the sync's fault tests. */
export const pageSize = 20;
