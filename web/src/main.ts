import { createPinia } from 'pinia'
import { createApp } from 'vue'

import App from '@/App.vue'
import { i18n, startLang } from '@/i18n'
import { router } from '@/router'
import '@/style.css'

await startLang()
createApp(App).use(createPinia()).use(i18n).use(router).mount('#app')
