/** Naive's Chinese words, as a chunk of their own. */
export { dateZhCN, zhCN } from 'naive-ui'
